/*
 * mock_client.c - see mock_client.h.
 */
#include "mock_client.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

const char hello[] = "{\"model\":\"gpt-4\",\"messages\":[{\"role\":"
                     "\"user\",\"content\":\"What is Python?\"}]}";

/* ---- Servers ----------------------------------------------------------- */

struct mock_llm *start_mock_with(const struct mock_llm_options *options)
{
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server = mock_llm_start(options, error);

    if (!server)
        fail_msg("%s", error);
    return server;
}

struct mock_llm *start_scenario(const char *text)
{
    struct mock_llm_options options = {0};
    char error[SCENARIO_ERROR_SIZE];

    if (!scenario_read(&options.scenario, text, error))
        fail_msg("%s", error);
    return start_mock_with(&options);
}

int port_in(const char *base_url)
{
    int port = 0;

    assert_int_equal(sscanf(base_url, "http://127.0.0.1:%d/v1", &port), 1);
    return port;
}

int port_of(const struct mock_llm *server)
{
    return port_in(mock_llm_base_url(server));
}

struct mock_llm_ledger ledger_of(struct mock_llm *server)
{
    struct mock_llm_ledger ledger;

    assert_int_equal(mock_llm_ledger_copy(server, &ledger), 0);
    return ledger;
}

void wait_for(struct mock_llm *server, size_t n, int in_flight)
{
    for (int ms = 0; ms < 60000; ms++) {
        struct mock_llm_ledger ledger = ledger_of(server);
        bool there = ledger.n == n && ledger.in_flight == in_flight;

        mock_llm_ledger_free(&ledger);
        if (there)
            return;
        poll(NULL, 0, 1);
    }
    fail_msg("the ledger never held %zu requests, %d in flight", n, in_flight);
}

/* ---- Requests by curl -------------------------------------------------- */

static size_t take_body(char *data, size_t one, size_t size, void *arg)
{
    struct call *call = arg;

    char *text = realloc(call->text, call->size + size + 1);

    if (!text)
        return 0; /* an error for curl */
    call->text = text;
    memcpy(call->text + call->size, data, size);
    call->size += size;
    call->text[call->size] = '\0';
    return one * size;
}

static size_t take_header(char *data, size_t one, size_t size, void *arg)
{
    struct call *call = arg;
    char *head = realloc(call->head, call->head_size + size + 1);

    if (!head)
        return 0;
    call->head = head;
    memcpy(call->head + call->head_size, data, size);
    call->head_size += size;
    call->head[call->head_size] = '\0';
    return one * size;
}

void perform(struct mock_llm *server, struct call *call)
{
    CURL *easy = call->easy ? call->easy : curl_easy_init();
    const char *target = call->url ? call->url : "/v1/chat/completions";
    char url[64], authorization[128];
    struct curl_slist *headers = NULL;

    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port_of(server));
    snprintf(authorization, sizeof authorization, "Authorization:%s%s",
             call->authorization ? " " : " Bearer ",
             call->authorization ? call->authorization : KEY);
    headers = curl_slist_append(headers, authorization);
    headers = curl_slist_append(headers, "Expect:");
    for (size_t i = 0; i < LENGTH(call->headers) && call->headers[i]; i++)
        headers = curl_slist_append(headers, call->headers[i]);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target); /* as it is */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    if (call->body) {
        curl_easy_setopt(
            easy, CURLOPT_POSTFIELDSIZE,
            (long)(call->body_size > 0 ? call->body_size : strlen(call->body)));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
    }
    assert_int_equal(curl_easy_perform(easy), call->expected);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &call->status);
    call->json = cJSON_Parse(call->text ? call->text : "");
    curl_slist_free_all(headers);
    if (!call->easy)
        curl_easy_cleanup(easy);
}

void clear(struct call *call)
{
    cJSON_Delete(call->json);
    free(call->text);
    free(call->head);
    *call = (struct call){.easy = call->easy};
}

const char *header_of(const struct call *call, const char *name)
{
    static char value[256];
    size_t length = strlen(name);

    for (const char *line = call->head; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r\n"),
                     line);
            return value;
        }
    }
    return NULL;
}

long status_of(struct mock_llm *server, const char *url, const char *body)
{
    struct call call = {.url = url, .body = body};
    long status;

    perform(server, &call);
    status = call.status;
    clear(&call);
    return status;
}

const cJSON *at(const cJSON *json, const char *path)
{
    char name[64];

    while (*path != '\0') {
        size_t length = strcspn(path, ".");

        snprintf(name, sizeof name, "%.*s", (int)length, path);
        json = isdigit((unsigned char)name[0])
                   ? cJSON_GetArrayItem(json, atoi(name))
                   : cJSON_GetObjectItemCaseSensitive(json, name);
        path += length + (path[length] == '.');
    }
    assert_non_null(json);
    return json;
}

const char *string_at(const cJSON *json, const char *path)
{
    assert_true(cJSON_IsString(at(json, path)));
    return at(json, path)->valuestring;
}

double number_at(const cJSON *json, const char *path)
{
    assert_true(cJSON_IsNumber(at(json, path)));
    return at(json, path)->valuedouble;
}

/* ---- Requests by hand -------------------------------------------------- */

int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    return fd;
}

void send_request(int fd, const char *path, const char *body)
{
    char request[1024];
    int size = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\n"
                        "Host: localhost\r\nAuthorization: Bearer " KEY "\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        body ? "POST" : "GET", path, body ? strlen(body) : 0,
                        body ? body : "");

    assert_true(size < (int)sizeof request);
    assert_int_equal(send(fd, request, (size_t)size, MSG_NOSIGNAL), size);
}

void send_hello(int fd)
{
    send_request(fd, "/v1/chat/completions", hello);
}

int read_reply(int fd)
{
    char reply[4096], *body = NULL;
    size_t size = 0, wanted = SIZE_MAX;

    while (size < wanted) {
        size_t room = wanted == SIZE_MAX ? 1 : wanted - size;

        assert_true(size + room < sizeof reply);

        ssize_t got = recv(fd, reply + size, room, 0);

        if (got <= 0)
            return 0;
        size += (size_t)got;
        reply[size] = '\0';
        if (!body && (body = strstr(reply, "\r\n\r\n")) != NULL) {
            char *length = strcasestr(reply, "\r\nContent-Length: ");

            assert_non_null(length);
            wanted = (size_t)(body + 4 - reply) +
                     strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
        }
    }
    return atoi(reply + strlen("HTTP/1.1 "));
}

void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
