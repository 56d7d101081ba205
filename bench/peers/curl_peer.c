/*
 * curl_peer.c - the cases of bench/http.c, for libcurl alone: what the bytes of
 * a request cost, when nobody builds them and nobody reads the answer. With
 * CURL_JSON=1 cJSON does both: what any client costs that is made of the two.
 *
 * One epoll, curl_multi_socket_action, handles that are used again, and a timer
 * for libcurl. There are as many multi handles as it takes for none to have
 * more than CURL_TRANSFERS transfers: libcurl searches in lists. One of them,
 * with all transfers, is what libcurl's own examples show.
 */
#include "../http.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <math.h>
#include <sys/epoll.h>

enum { MAX_EVENTS = 256 };

struct shard {
    CURLM *multi;
    double due; /* when libcurl wants to be called again; INFINITY: never */
};

struct transfer {
    CURL *easy;
    struct shard *shard;
    char *request;
    size_t size;
    char body[4096];
};

static int epoll;
static struct shard *shards;
static struct transfer *transfers;
static long n_shards, left, running;
static bool with_json;

/* ---- What libcurl calls ------------------------------------------------ */

/* The events' data is the descriptor and, above it, the shard's number. */
static int watch(CURL *easy, curl_socket_t fd, int what, void *owner,
                 void *known)
{
    struct shard *shard = owner;
    struct epoll_event event = {
        .events = (what & CURL_POLL_IN ? EPOLLIN : 0u) |
                  (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
        .data.u64 = (uint64_t)(shard - shards) << 32 | (uint32_t)fd,
    };
    (void)easy;

    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    curl_multi_assign(shard->multi, fd, shard);
    return epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
}

static int set_timer(CURLM *multi, long milliseconds, void *owner)
{
    struct shard *shard = owner;
    (void)multi;

    shard->due = milliseconds < 0
                     ? INFINITY
                     : bench_seconds() + (double)milliseconds / 1e3;
    return 0;
}

static size_t keep(char *data, size_t one, size_t size, void *owner)
{
    struct transfer *transfer = owner;
    (void)one;

    if (size > sizeof transfer->body - transfer->size)
        return 0;
    memcpy(transfer->body + transfer->size, data, size);
    transfer->size += size;
    return size;
}

/* ---- Requests ---------------------------------------------------------- */

static void build_request(struct transfer *transfer)
{
    cJSON *request = cJSON_CreateObject(), *message = cJSON_CreateObject();

    cJSON_AddStringToObject(request, "model", HTTP_MODEL);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(request, "messages"), message);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", HTTP_QUESTION);
    free(transfer->request);
    transfer->request = cJSON_PrintUnformatted(request);
    bench_check(transfer->request != NULL, "no memory");
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, transfer->request);
    cJSON_Delete(request);
}

static void read_answer(const struct transfer *transfer)
{
    cJSON *answer = cJSON_ParseWithLength(transfer->body, transfer->size);
    const cJSON *choices = cJSON_GetObjectItem(answer, "choices");
    const cJSON *message =
        cJSON_GetObjectItem(cJSON_GetArrayItem(choices, 0), "message");
    const cJSON *content = cJSON_GetObjectItem(message, "content");

    bench_check(cJSON_IsString(content), "not a right answer");
    cJSON_Delete(answer);
}

static void send_next(struct transfer *transfer)
{
    if (left == 0) {
        running--;
        return;
    }
    left--;
    transfer->size = 0;
    if (with_json)
        build_request(transfer);
    bench_check(curl_multi_add_handle(transfer->shard->multi, transfer->easy) ==
                    CURLM_OK,
                "libcurl takes no more transfers");
}

/* All messages are read before the first handle is taken out: taking it out
   searches those that are left. */
static void collect(struct shard *shard)
{
    static struct transfer **done;
    size_t n = 0;
    int queued;

    if (!done)
        done = malloc((size_t)running * sizeof *done);
    bench_check(done != NULL, "no memory");
    for (CURLMsg *m; (m = curl_multi_info_read(shard->multi, &queued));) {
        struct transfer *transfer = NULL;
        long status = 0;

        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        bench_check(m->data.result == CURLE_OK,
                    curl_easy_strerror(m->data.result));
        bench_check(status == 200 && transfer->size > 0, "not a right answer");
        if (with_json)
            read_answer(transfer);
        done[n++] = transfer;
    }
    for (size_t i = 0; i < n; i++) {
        curl_multi_remove_handle(shard->multi, done[i]->easy);
        send_next(done[i]);
    }
}

static void act(struct shard *shard, curl_socket_t fd, int bits)
{
    int count;

    bench_check(curl_multi_socket_action(shard->multi, fd, bits, &count) ==
                    CURLM_OK,
                "libcurl cannot go on");
    collect(shard);
}

static int next_due(void)
{
    double due = INFINITY;

    for (long i = 0; i < n_shards; i++)
        due = fmin(due, shards[i].due);
    if (isinf(due))
        return -1;
    return (int)ceil(fmax(0, due - bench_seconds()) * 1e3);
}

static void run_timers(void)
{
    double now = bench_seconds();

    for (long i = 0; i < n_shards; i++) {
        if (shards[i].due > now)
            continue;
        shards[i].due = INFINITY;
        act(&shards[i], CURL_SOCKET_TIMEOUT, 0);
    }
}

static void pass(const struct http_bench *bench)
{
    struct epoll_event events[MAX_EVENTS];

    left = bench->n;
    running = bench->in_flight;
    for (long i = 0; i < bench->in_flight; i++)
        send_next(&transfers[i]);
    while (running > 0) {
        int n = epoll_wait(epoll, events, MAX_EVENTS, next_due());

        for (int i = 0; i < n; i++)
            act(&shards[events[i].data.u64 >> 32],
                (curl_socket_t)(uint32_t)events[i].data.u64,
                (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                    (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR
                                                              : 0));
        run_timers();
    }
}

/* ---- Setting up -------------------------------------------------------- */

static void set_up_shard(struct shard *shard, long most)
{
    shard->multi = curl_multi_init();
    shard->due = INFINITY;
    bench_check(shard->multi != NULL, "no multi handle");
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
    curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, most);
}

static void set_up_transfer(struct transfer *transfer, const char *url,
                            struct curl_slist *headers)
{
    CURL *easy = curl_easy_init();

    bench_check(easy != NULL, "no easy handle");
    transfer->easy = easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, HTTP_REQUEST);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

int main(int argc, char **argv)
{
    struct http_bench bench = http_parse(argc, argv);
    const char *setting = getenv("CURL_TRANSFERS");
    long most = setting ? atol(setting) : bench.in_flight;
    struct curl_slist *headers = NULL;
    char url[256];

    bench_check(most > 0, "CURL_TRANSFERS is 1 or more");
    with_json = getenv("CURL_JSON") != NULL;
    snprintf(url, sizeof url, "%s/chat/completions", bench.url);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Authorization: Bearer any");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    n_shards = (bench.in_flight + most - 1) / most;
    shards = calloc((size_t)n_shards, sizeof *shards);
    transfers = calloc((size_t)bench.in_flight, sizeof *transfers);
    bench_check(headers && epoll >= 0 && shards && transfers, "no memory");
    for (long i = 0; i < n_shards; i++)
        set_up_shard(&shards[i], most);
    for (long i = 0; i < bench.in_flight; i++) {
        set_up_transfer(&transfers[i], url, headers);
        transfers[i].shard = &shards[i / most];
    }
    http_run(&bench, pass);
    for (long i = 0; i < bench.in_flight; i++) {
        curl_easy_cleanup(transfers[i].easy);
        free(transfers[i].request);
    }
    for (long i = 0; i < n_shards; i++)
        curl_multi_cleanup(shards[i].multi);
    curl_slist_free_all(headers);
    free(transfers);
    free(shards);
    return 0;
}
