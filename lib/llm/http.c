/*
 * http.c - carries JSON to a server, and its reply back.
 *
 * The same handle serves both kinds of waiting: curl_easy_perform blocks the
 * thread, async_curl_perform suspends the task. Whatever comes back is hostile
 * until proved otherwise, and so are its size and its headers.
 */
#include "llm/llm_private.h"

#include "async_curl/async_curl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* ---- What a client's requests have in common --------------------------- */

/* The value itself stays out of the error: it may be a key. */
static int check_printable(const char *value, const char *source)
{
    for (const char *c = value; *c; c++)
        if (*c <= ' ' || *c > '~')
            return async_raise(-EINVAL,
                               "%s holds a blank, a line's end or another "
                               "character that cannot be sent",
                               source);
    return 0;
}

static int append_header(struct llm_client_private *private, const char *line)
{
    struct curl_slist *headers = curl_slist_append(private->headers, line);

    if (!headers)
        return -ENOMEM;
    private->headers = headers;
    return 0;
}

int llm_http_add_header(struct llm_client *client, const char *name,
                        const char *value, const char *source)
{
    char *line;
    int err = check_printable(value, source);

    if (err)
        return err;
    /* "Authorization: Bearer" has its colon already. */
    if (asprintf(&line, "%s%s %s", name, strchr(name, ':') ? "" : ":", value) <
        0)
        return -ENOMEM;
    err = append_header(client->llm_private, line);
    explicit_bzero(line, strlen(line));
    free(line);
    return err;
}

int llm_http_set_ca_file(struct llm_client *client, const char *path)
{
    struct llm_client_private *private = client->llm_private;

    if (!path)
        return 0;
    if (access(path, R_OK) != 0)
        return async_raise(-EINVAL, "options.ca_file: cannot read %s: %s", path,
                           strerror(errno));
    private->ca_file = strdup(path);
    return private->ca_file ? 0 : -ENOMEM;
}

static bool is_this_machine(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

/* Refuses what is not a URL of http or https. It is not shown: it may hold a
   password, or be a key in the wrong place. */
static int set_url(struct llm_client_private *private, const char *url,
                   const char *source)
{
    char *scheme = NULL, *host = NULL;
    CURLUcode code = CURLUE_OUT_OF_MEMORY;

    private->url = curl_url();
    if (private->url)
        code = curl_url_set(private->url, CURLUPART_URL, url, 0);
    if (!code)
        code = curl_url_get(private->url, CURLUPART_SCHEME, &scheme, 0);
    if (!code)
        code = curl_url_get(private->url, CURLUPART_HOST, &host, 0);
    bool web =
        !code && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    private->local = web && is_this_machine(host);
    curl_free(scheme);
    curl_free(host);
    if (code == CURLUE_OUT_OF_MEMORY)
        return -ENOMEM;
    return web ? 0
               : async_raise(-EINVAL,
                             "%s is not a URL that begins with http:// or "
                             "https://",
                             source);
}

/* Otherwise each multi handle would look the host up for itself, and each new
   connection agree on keys from the beginning. A client belongs to one thread:
   nothing needs a lock. */
static int new_share(struct llm_client_private *private)
{
    private->share = curl_share_init();
    if (!private->share ||
        curl_share_setopt(private->share, CURLSHOPT_SHARE,
                          CURL_LOCK_DATA_DNS) ||
        curl_share_setopt(private->share, CURLSHOPT_SHARE,
                          CURL_LOCK_DATA_SSL_SESSION))
        return -ENOMEM;
    return 0;
}

int llm_http_set_url(struct llm_client *client, const char *base_url,
                     const char *path, const char *source)
{
    static const char *const lines[] = {
        "Content-Type: application/json",
        /* Without any name, some providers' guards take us for a robot. As
           CURLOPT_USERAGENT it would be printed twice for each request. */
        "User-Agent: libllm/1.0",
        /* Above 1 MiB libcurl would ask first, and wait a second for "go on".
         */
        "Expect:",
    };
    struct llm_client_private *private = client->llm_private;
    size_t length = strlen(base_url);
    char *url;
    int err = check_printable(base_url, source);

    if (err)
        return err;
    while (length > 0 && base_url[length - 1] == '/')
        length--;
    if (asprintf(&url, "%.*s%s", (int)length, base_url, path) < 0)
        return -ENOMEM;
    err = set_url(private, url, source);
    free(url);
    if (!err)
        err = new_share(private);
    for (size_t i = 0; !err && i < sizeof lines / sizeof lines[0]; i++)
        err = append_header(private, lines[i]);
    return err;
}

void llm_http_free(struct llm_client_private *private)
{
    while (private->n_idle > 0)
        curl_easy_cleanup(private->idle[--private->n_idle]);
    free(private->idle);
    free(private->ca_file);
    curl_share_cleanup(private->share); /* after its handles */
    for (struct curl_slist *line = private->headers; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(private->headers);
    curl_url_cleanup(private->url);
}

/* ---- What comes back --------------------------------------------------- */

/* CURLOPT_WRITEFUNCTION; taking less than it brought ends the transfer. */
static size_t take_body(char *data, size_t one, size_t size, void *owner)
{
    struct llm_reply *reply = owner;

    (void)one;
    if (!reply->err)
        reply->err = llm_reply_add(reply, data, size);
    return reply->err ? 0 : size;
}

/* CURLOPT_HEADERFUNCTION; brings a line at a time, without a NUL. */
static size_t take_header(char *data, size_t one, size_t size, void *owner)
{
    (void)one;
    llm_reply_header(owner, data, size);
    return size;
}

/* ---- Looking the host up ----------------------------------------------- */

/*
 * libcurl starts a thread for each lookup. So when nothing is known of the host
 * the first request goes alone, until it has a connection, or has failed; the
 * others wait for that, and then find the address in what the handles share.
 * libcurl keeps it there for 60 s. If it failed all go: each is to have its
 * own error, and none the waiting of all before it.
 */
enum { KNOWN_FOR = 50 /* seconds */ };

static void end_lookup(struct llm_client_private *private, bool found)
{
    if (!private->looking)
        return;
    private->looking = false;
    private->known = found;
    private->known_since = async_now();
    async_event_set(&private->looked_up);
    async_event_clear(&private->looked_up);
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* CURLOPT_PREREQFUNCTION: the connection stands. */
static int is_connected(void *owner, char *to, char *from, int to_port,
                        int from_port)
{
    (void)to, (void)from, (void)to_port, (void)from_port;
    end_lookup(owner, true);
    return CURL_PREREQFUNC_OK;
}
#endif

/* Who has waited for about as long as a connection may take gets none. */
static int wait_for_other(struct llm_client_private *private)
{
    double limit = private->connect_timeout, begin = async_now();
    int err = async_event_wait(&private->looked_up);

    if (err || private->known || async_now() - begin < 0.9 * limit)
        return err;
    return async_raise(ASYNC_ETIMEDOUT, "no connection within %g s", limit);
}

/* Whether this request is the one that looks; until it has ended, or told. */
static int wait_for_lookup(struct llm_client_private *private, bool *looks)
{
    *looks = false;
    if (private->local)
        return 0;
    if (private->known && async_now() - private->known_since < KNOWN_FOR)
        return 0;
    if (private->looking)
        return wait_for_other(private);
    private->looking = *looks = true;
    return 0;
}

/* ---- Handles ----------------------------------------------------------- */

/* False without memory. */
static bool trust(CURL *easy, const char *ca_file)
{
    return !ca_file || (!curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) &&
                        !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
}

static CURL *new_handle(const struct llm_client_private *private)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    /* As text it would be parsed for every request: a tenth of its cost. And a
       proxy named in the environment cannot know this machine's servers. */
    if (curl_easy_setopt(easy, CURLOPT_CURLU, private->url) ||
        (private->local && curl_easy_setopt(easy, CURLOPT_NOPROXY, "*")) ||
        !trust(easy, private->ca_file)) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    /* A model may think for minutes; routers forget connections that are
       silent for so long, and tell nobody. */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, private->local ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SHARE, private->share);
#if LIBCURL_VERSION_NUM >= 0x075000
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, is_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, private);
#endif
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, private->headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    /* Each request has one while it is in flight. Answers are small. */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    async_curl_keep_watched(easy);
    return easy;
}

static CURL *take_handle(struct llm_client_private *private)
{
    if (private->n_idle > 0)
        return private->idle[--private->n_idle];
    return new_handle(private);
}

static void give_handle_back(struct llm_client_private *private, CURL *easy)
{
    if (private->n_idle == private->room) {
        size_t room = private->room ? 2 * private->room : 8;
        CURL **idle = realloc(private->idle, room * sizeof(CURL *));

        if (!idle) {
            curl_easy_cleanup(easy);
            return;
        }
        private->idle = idle;
        private->room = room;
    }
    private->idle[private->n_idle++] = easy;
}

/* ---- A request --------------------------------------------------------- */

/* For libcurl, which takes 0 for "no limit". */
static long milliseconds(double seconds)
{
    double ms = seconds * 1000;

    return ms > 1e9 ? 0 : ms < 1 ? 1 : (long)ms;
}

static int perform(struct llm_client_private *private, CURL *easy,
                   bool blocking)
{
    struct async_curl_limits limits = {private->connect_timeout,
                                       private->timeout};
    bool looks;

    /* The handle may have served the other way before. */
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     blocking ? milliseconds(limits.total) : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     blocking ? milliseconds(limits.connect) : 0L);
    if (blocking)
        return async_curl_raise(easy, curl_easy_perform(easy));
    int err = wait_for_lookup(private, &looks);
    if (err)
        return err;
    err = async_curl_perform_within(easy, &limits);
    if (looks)
        end_lookup(private, err == 0);
    return err;
}

/*
 * What the failure of a transfer means: err is async_curl's, with its text, and
 * size how much of the body had come.
 */
static int transfer_failed(int err, const struct llm_reply *reply, size_t size)
{
    char text[ASYNC_ERRMSG_SIZE];

    snprintf(text, sizeof text, "%s", async_errmsg(err));
    if (err == ASYNC_ETIMEDOUT)
        return async_raise(LLM_ETIMEDOUT, "%s", text);
    switch (async_curl_code(err)) {
    case CURLE_OK:
        return err; /* a cancellation, say */
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_OPERATION_TIMEDOUT:
        return async_raise(LLM_ETIMEDOUT, "%s", text);
    case CURLE_WRITE_ERROR:
        return reply->err == LLM_EMALFORMED ? llm_raise_too_large() : -ENOMEM;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return async_raise(LLM_EMALFORMED, "%s (what came is not HTTP)", text);
    default:
        break;
    }
    if (size > 0)
        return async_raise(LLM_ECONNECTION,
                           "the answer broke off after %zu bytes", size);
    return async_raise(LLM_ECONNECTION, "%s", text);
}

/*
 * The server closed a connection that was kept just when it was used again.
 * libcurl tries another one then, but there may be many such.
 */
static bool connection_was_stale(CURL *easy, int err,
                                 const struct llm_reply *reply)
{
    CURLcode code = async_curl_code(err);
    long opened = 0;

    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
    return (code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR ||
            code == CURLE_RECV_ERROR) &&
           opened == 0 && !reply->begun;
}

/* Otherwise it may be the status of the handle's previous transfer. */
static void read_status(CURL *easy, struct llm_reply *reply)
{
    long status = 0;

    if (reply->begun)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    reply->status = (int)status;
}

/* A handle that will send the JSON; NULL without memory. */
static CURL *prepare(struct llm_client_private *private, const char *json,
                     struct llm_reply *reply)
{
    CURL *easy = json ? take_handle(private) : NULL;

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, json);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)strlen(json));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, reply);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    return easy;
}

int llm_http_send(struct llm_chat *chat, bool blocking, struct llm_reply *reply)
{
    struct llm_client_private *private = chat->client->llm_private;
    char *json = private->provider->write_request(chat, false);
    CURL *easy = prepare(private, json, reply);
    int err = -ENOMEM;

    if (!easy)
        goto out;
    err = perform(private, easy, blocking);
    if (connection_was_stale(easy, err, reply)) {
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        err = perform(private, easy, blocking);
    }
    read_status(easy, reply);
    give_handle_back(private, easy);
    if (err)
        err = transfer_failed(err, reply, reply->size);
out:
    cJSON_free(json);
    return err;
}

/* ---- A stream ---------------------------------------------------------- */

static int open_source(struct llm_client_private *private,
                       struct llm_source *source)
{
    const struct async_curl_limits limits = {private->connect_timeout,
                                             private->timeout};
    bool looks;
    int err = wait_for_lookup(private, &looks);

    if (err)
        return err;

    curl_easy_setopt(source->easy, CURLOPT_TIMEOUT_MS, 0L);
    curl_easy_setopt(source->easy, CURLOPT_CONNECTTIMEOUT_MS, 0L);
    err = async_curl_open(&source->curl, source->easy, &limits);
    if (looks)
        end_lookup(private, err == 0);
    return err;
}

int llm_http_open(struct llm_chat *chat, struct llm_reply *reply,
                  struct llm_source *source)
{
    struct llm_client_private *private = chat->client->llm_private;

    *source = (struct llm_source){.reply = reply,
                                  .deadline = async_now() + private->timeout};
    source->json = private->provider->write_request(chat, true);
    source->easy = prepare(private, source->json, reply);
    int err = source->easy ? open_source(private, source) : -ENOMEM;
    if (source->easy && connection_was_stale(source->easy, err, reply)) {
        curl_easy_setopt(source->easy, CURLOPT_FRESH_CONNECT, 1L);
        err = open_source(private, source);
    }
    if (source->easy)
        read_status(source->easy, reply);
    if (err) {
        err = transfer_failed(err, reply, 0);
        llm_http_close(chat, source);
    }
    return err;
}

int llm_http_read(struct llm_chat *chat, struct llm_source *source,
                  char *buffer, size_t size, size_t *n)
{
    const double timeout = chat->client->llm_private->timeout;
    /* Without any time left, what has come already is still read. */
    double left = fmax(source->deadline - async_now(), 1e-9);
    int err = async_curl_read_within(&source->curl, buffer, size, n, left);

    source->bytes += *n;
    if (err == ASYNC_ETIMEDOUT)
        return async_raise(LLM_ETIMEDOUT, "no more of the answer within %g s",
                           timeout);
    return err ? transfer_failed(err, source->reply, source->bytes) : 0;
}

void llm_http_close(struct llm_chat *chat, struct llm_source *source)
{
    async_curl_close(&source->curl);
    if (source->easy)
        give_handle_back(chat->client->llm_private, source->easy);
    cJSON_free(source->json);
    *source = (struct llm_source){0};
}
