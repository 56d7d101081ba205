/*
 * mock_llm.c - how large and how late the mock server gets, and how many
 * requests it serves: as a program of its own, asked over real connections.
 *
 * Late is a reply that comes later than the latency that was asked for, as its
 * client sees it. Requests are sent at a fixed rate, whether or not the earlier
 * ones were answered, and their time counts from when they were due to be sent:
 * otherwise a server that stalls would not be asked while it does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LATENCY 0.2

enum { IN_FLIGHT = 10000, CLOSED_LOOP = 100, MAX_EVENTS = 256 };

static void die(const char *what)
{
    fprintf(stderr, "bench-mock: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- The server -------------------------------------------------------- */

struct server {
    pid_t pid;
    int port;
    FILE *output;
};

/* The one that runs, to be stopped also if we end early; 0: none. */
static pid_t running;

static void stop_running(void)
{
    if (running > 0)
        kill(running, SIGTERM);
}

static struct server start_server(const char *program, const char *option)
{
    struct server server = {0};
    char latency[32], line[256];
    int channel[2];

    snprintf(latency, sizeof latency, "--latency=%g", LATENCY);
    if (pipe2(channel, O_CLOEXEC) != 0 || (server.pid = fork()) < 0)
        die("no process for the server");
    if (server.pid == 0) {
        dup2(channel[1], STDOUT_FILENO);
        execl(program, program, "--port=0", latency, option, (char *)NULL);
        fprintf(stderr, "bench-mock: %s: %s\n", program, strerror(errno));
        _exit(1);
    }
    running = server.pid;
    close(channel[1]);
    server.output = fdopen(channel[0], "r");
    if (!server.output || !fgets(line, sizeof line, server.output) ||
        sscanf(line, "The mock LLM server is at http://127.0.0.1:%d",
               &server.port) != 1)
        die("the server does not start");
    return server;
}

/* The most memory that it ever had, in MB. */
static double memory_of(const struct server *server)
{
    char path[64], line[256];
    double kb = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)server->pid);
    file = fopen(path, "r");
    if (!file)
        die(path);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lf kB", &kb) == 1)
            break;
    fclose(file);
    return kb * 1024 / 1e6;
}

/* Stops it; what it says was the most at once. */
static int stop_server(const struct server *server)
{
    char line[256];
    int most = 0;

    kill(server->pid, SIGTERM);
    while (fgets(line, sizeof line, server->output))
        sscanf(line, "Requests: %*d, answered: %*d, at most %d", &most);
    fclose(server->output);
    waitpid(server->pid, NULL, 0);
    running = 0;
    return most;
}

/* ---- The clients ------------------------------------------------------- */

/* One keep-alive connection, one request at a time. */
struct client {
    int fd;
    double due; /* when its request was to be sent */
    size_t got, wanted;
    char reply[1024];
    struct client *next_idle;
};

struct load {
    int port, epoll;
    struct client *clients; /* room for n, of which so many are open */
    int n, open;
    struct client *idle;
    long sent, answered;
    double *late; /* of each reply, in seconds */
};

static struct load new_load(int port, int n, long replies)
{
    struct load load = {.port = port, .n = n, .epoll = epoll_create1(0)};

    load.clients = calloc((size_t)n, sizeof *load.clients);
    load.late = calloc((size_t)replies, sizeof *load.late);
    if (load.epoll < 0 || !load.clients || !load.late)
        die("no memory for the clients");
    return load;
}

static void free_load(struct load *load)
{
    for (int i = 0; i < load->open; i++)
        close(load->clients[i].fd);
    close(load->epoll);
    free(load->clients);
    free(load->late);
}

static struct client *connect_client(struct load *load)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)load->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct client *client = &load->clients[load->open];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int one = 1;

    if (load->open == load->n) {
        fprintf(stderr,
                "bench-mock: more than %d in flight: the server does not keep "
                "up.\nIs this machine busy? Then try again when it is not.\n",
                load->n);
        exit(1);
    }
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("no connection");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        die("epoll");
    load->open++;
    return client;
}

static void send_request(struct load *load, struct client *client, double due)
{
    static const char request[] =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        "Authorization: Bearer any\r\nContent-Type: application/json\r\n"
        "Content-Length: 74\r\n\r\n"
        "{\"model\":\"gpt-4\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"What "
        "is Python?\"}]}";

    client->due = due;
    client->got = client->wanted = 0;
    if (write(client->fd, request, strlen(request)) != (ssize_t)strlen(request))
        die("sending");
    load->sent++;
}

static void send_from_any(struct load *load, double due)
{
    struct client *client = load->idle;

    if (client)
        load->idle = client->next_idle;
    else
        client = connect_client(load);
    send_request(load, client, due);
}

/* Reads what is there; true when the reply is complete. */
static bool read_reply(struct client *client)
{
    ssize_t got = read(client->fd, client->reply + client->got,
                       sizeof client->reply - 1 - client->got);
    const char *body, *length;

    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0)
        die("reading");
    client->got += (size_t)got;
    client->reply[client->got] = '\0';
    if (client->wanted == 0 && (body = strstr(client->reply, "\r\n\r\n"))) {
        length = strstr(client->reply, "Content-Length: ");
        if (strncmp(client->reply, "HTTP/1.1 200 ", 13) != 0 || !length) {
            fprintf(stderr, "bench-mock: not a right answer: %.60s\n",
                    client->reply);
            exit(1);
        }
        client->wanted =
            (size_t)(body + 4 - client->reply) + strtoul(length + 16, NULL, 10);
    }
    return client->wanted > 0 && client->got >= client->wanted;
}

/* Takes the replies that come within so many seconds, or the first of them. */
static void take_replies(struct load *load, double seconds)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(load->epoll, events, MAX_EVENTS,
                       seconds > 0 ? (int)(seconds * 1000) : 0);

    for (int i = 0; i < n; i++) {
        struct client *client = events[i].data.ptr;

        if (!read_reply(client))
            continue;
        load->late[load->answered++] = now() - client->due - LATENCY;
        client->next_idle = load->idle;
        load->idle = client;
    }
}

/* ---- The figures ------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* All at the same moment: the gate waits for them. */
static void measure_memory(const char *program)
{
    char gate[32];
    struct server server;
    struct load load;
    double megabytes;

    snprintf(gate, sizeof gate, "--gate=%d", IN_FLIGHT);
    server = start_server(program, gate);
    load = new_load(server.port, IN_FLIGHT, IN_FLIGHT);
    while (load.sent < IN_FLIGHT)
        send_from_any(&load, now());
    while (load.answered < IN_FLIGHT)
        take_replies(&load, 1);
    megabytes = memory_of(&server);
    free_load(&load);
    printf("%6d in flight        %.1f MB (goal: under 100)\n",
           stop_server(&server), megabytes);
}

static void measure_lateness(const char *program, int rate, double seconds)
{
    struct server server = start_server(program, "--seed=0");
    long n = (long)(rate * seconds);
    /* A second's requests: five times as many as are in flight if all is
       well. */
    struct load load = new_load(server.port, rate, n);
    double start = now();

    while (load.answered < n) {
        double due = start + (double)load.sent / rate;

        if (load.sent < n && now() >= due)
            send_from_any(&load, due);
        else
            take_replies(&load, load.sent < n ? due - now() : 1);
    }
    qsort(load.late, (size_t)n, sizeof load.late[0], compare);
    printf("%6d requests/s       late by %.2f ms (median), %.2f (p99), %.2f "
           "(all)%s\n",
           rate, 1e3 * load.late[n / 2], 1e3 * load.late[n * 99 / 100],
           1e3 * load.late[n - 1], rate == 4000 ? " (goal: p99 under 30)" : "");
    free_load(&load);
    stop_server(&server);
}

/* Each client sends its next request when it has its reply. */
static void measure_throughput(const char *program, double seconds)
{
    struct server server = start_server(program, "--latency=0");
    struct load load = new_load(server.port, CLOSED_LOOP, 10000000);
    double start = now(), end = start + seconds;

    for (int i = 0; i < CLOSED_LOOP; i++)
        send_from_any(&load, now());
    while (now() < end) {
        take_replies(&load, 1);
        while (load.idle && load.answered < 9000000)
            send_from_any(&load, now());
    }
    printf("%6d clients, no delay %.0f requests/s\n", CLOSED_LOOP,
           (double)load.answered / (now() - start));
    free_load(&load);
    stop_server(&server);
}

int main(int argc, char **argv)
{
    struct rlimit limit;

    if (argc != 2) {
        fprintf(stderr, "usage: bench/mock_llm PROGRAM, or: make bench-mock\n");
        return 2;
    }
    atexit(stop_running);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < IN_FLIGHT + 100) {
        fprintf(stderr,
                "bench-mock: %d connections need as many file descriptors, and "
                "`ulimit -Hn` is %ld\n",
                IN_FLIGHT, (long)limit.rlim_max);
        return 1;
    }
    printf("The mock server, each answer after %g s:\n", LATENCY);
    fflush(stdout);
    measure_memory(argv[1]);
    fflush(stdout);
    for (int rate = 1000; rate <= 8000; rate *= 2) {
        measure_lateness(argv[1], rate, 4);
        fflush(stdout);
    }
    measure_throughput(argv[1], 3);
    return 0;
}
