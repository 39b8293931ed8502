/* Load generator of the benchmarks: replays requests on N keep-alive connections from one epoll loop and
 * prints requests a second and the latencies as JSON. It speaks HTTP (answers end by Content-Length or
 * chunks), IMAP (answers end with the tagged line) and LMTP (MAIL, RCPT and DATA in one, then the message).
 *
 * load http|imap|lmtp PORT CONNECTIONS SECONDS STARTFILE REQUESTFILE
 *   STARTFILE holds lines, REQUESTFILE requests with a NUL behind each
 *   http: line i of STARTFILE is the path that connection i posts to, a request is a body
 *   imap: each connection sends the lines of STARTFILE first, with its own number for "#"; a request is a command,
 *         perhaps with literals that wait for nothing ({n+})
 *   lmtp: line i of STARTFILE is the recipient of connection i, a request is a message with its final dot */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { LATENCIES_MAX = 4 * 1024 * 1024, STALL_MS = 60000, READ_SIZE = 65536 };

typedef enum protocol_t { HTTP, IMAP, LMTP } protocol_t;

typedef struct lines_t {
    char **line;
    size_t count;
} lines_t;

typedef struct connection_t {
    int fd;
    const char *path;    /* http; lmtp: the recipient */
    const char *message; /* lmtp: to be sent when the envelope was taken; NULL: it was sent */
    char tag[16];        /* imap */
    unsigned tags;
    size_t next; /* request to send */
    double sent;
    char *data;
    size_t length;
    size_t size;
    size_t expected; /* http: length of the whole answer, 0 until its head is there */
    int chunked;
    int closing; /* the server ends the connection after this answer */
} connection_t;

typedef struct load_t {
    protocol_t protocol;
    int port;
    int epoll;
    lines_t start;
    lines_t requests;
    connection_t *connections;
    size_t count;
    uint32_t *latencies; /* microseconds */
    size_t answers;
    size_t errors;
    size_t reconnects;
    uint64_t received;
} load_t;

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("load: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *resize(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        fail("out of memory");
    }
    return memory;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void lines_read(lines_t *lines, const char *path, char end)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    if (file == NULL) {
        fail("%s: %s", path, strerror(errno));
    }
    while ((length = getdelim(&line, &size, end, file)) > 0) {
        if (line[length - 1] == end) {
            line[length - 1] = '\0';
        }
        lines->line = resize(lines->line, (lines->count + 1) * sizeof(char *));
        lines->line[lines->count++] = line;
        line = NULL;
        size = 0;
    }
    free(line);
    fclose(file);
    if (lines->count == 0) {
        fail("%s is empty", path);
    }
}

static void connection_open(load_t *load, connection_t *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load->port)};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = connection}};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        fail("connect to port %d: %s", load->port, strerror(errno));
    }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
        fail("epoll: %s", strerror(errno));
    }
}

static void send_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

        if (sent < 0 && errno != EINTR) {
            fail("send: %s", strerror(errno));
        }
        data += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
    }
}

static void request_send(load_t *load, connection_t *connection, const char *request)
{
    char *text;
    int length;

    if (load->protocol == LMTP) {
        connection->message = request;
        length = asprintf(&text, "MAIL FROM:<load@load.example>\r\nRCPT TO:<%s>\r\nDATA\r\n",
                          connection->path);
    }
    else if (load->protocol == HTTP) {
        length = asprintf(&text,
                          "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          connection->path, strlen(request), request);
    }
    else {
        snprintf(connection->tag, sizeof(connection->tag), "L%u", ++connection->tags);
        length = asprintf(&text, "%s %s\r\n", connection->tag, request);
    }
    if (length < 0) {
        fail("out of memory");
    }
    connection->length = 0;
    connection->expected = 0;
    connection->chunked = 0;
    connection->sent = now();
    send_all(connection->fd, text, (size_t)length);
    free(text);
}

static void request_next(load_t *load, connection_t *connection)
{
    request_send(load, connection, load->requests.line[connection->next]);
    connection->next = (connection->next + 1) % load->requests.count;
}

/* Reads what is there; returns 0 at the end of the stream. */
static int connection_read(load_t *load, connection_t *connection)
{
    ssize_t length;

    if (connection->size - connection->length < READ_SIZE + 1) {
        connection->size = connection->size * 2 + READ_SIZE + 1;
        connection->data = resize(connection->data, connection->size);
    }
    length = recv(connection->fd, connection->data + connection->length, READ_SIZE, 0);
    if (length < 0) {
        fail("recv: %s", strerror(errno));
    }
    connection->length += (size_t)length;
    connection->data[connection->length] = '\0';
    load->received += (uint64_t)length;
    return length > 0;
}

static void answer_wrong(load_t *load, const char *text, size_t length)
{
    if (load->errors++ == 0) {
        fprintf(stderr, "load: answer: %.*s\n", (int)(length < 300 ? length : 300), text);
    }
}

static int http_complete(load_t *load, connection_t *connection)
{
    const char *length;
    char *end;

    if (connection->expected == 0 && !connection->chunked) {
        end = strstr(connection->data, "\r\n\r\n");
        if (end == NULL) {
            return 0;
        }
        *end = '\0';
        connection->expected = (size_t)(end - connection->data) + 4;
        length = strcasestr(connection->data, "\ncontent-length:");
        connection->chunked = length == NULL;
        if (length != NULL) {
            connection->expected += strtoul(length + 16, NULL, 10);
        }
        connection->closing = strcasestr(connection->data, "\nconnection: close") != NULL;
        if (strncmp(connection->data, "HTTP/1.1 200", 12) != 0) {
            answer_wrong(load, connection->data, connection->length);
        }
        *end = '\r';
    }
    if (connection->chunked) {
        return connection->length > 5 &&
               memcmp(connection->data + connection->length - 5, "0\r\n\r\n", 5) == 0;
    }
    return connection->length >= connection->expected;
}

/* The tagged line is the last one; it is short. */
static int imap_complete(load_t *load, connection_t *connection)
{
    size_t tag = strlen(connection->tag);
    const char *line;

    if (connection->length < tag + 3 || connection->data[connection->length - 1] != '\n') {
        return 0;
    }
    line = memrchr(connection->data, '\n', connection->length - 1);
    line = line != NULL ? line + 1 : connection->data;
    if (strncmp(line, connection->tag, tag) != 0 || line[tag] != ' ') {
        return 0;
    }
    if (strncmp(line + tag, " OK", 3) != 0) {
        answer_wrong(load, line, strlen(line));
    }
    return 1;
}

/* Whether COUNT replies are there; each ends with a line whose code has a blank behind it. */
static int replies_complete(load_t *load, const connection_t *connection, int count)
{
    const char *line = connection->data;
    const char *end;

    while ((end = strchr(line, '\n')) != NULL) {
        if (*line != '2' && *line != '3') {
            answer_wrong(load, line, (size_t)(end - line));
        }
        count -= line[3] == ' ';
        line = end + 1;
    }
    return count <= 0;
}

static int lmtp_complete(load_t *load, connection_t *connection)
{
    const char *message = connection->message;

    if (!replies_complete(load, connection, message != NULL ? 3 : 1)) {
        return 0;
    }
    if (message == NULL) {
        return 1;
    }
    connection->message = NULL;
    connection->length = 0;
    send_all(connection->fd, message, strlen(message));
    return 0;
}

static int answer_complete(load_t *load, connection_t *connection)
{
    if (load->protocol == LMTP) {
        return lmtp_complete(load, connection);
    }
    if (load->protocol == HTTP) {
        if (!http_complete(load, connection)) {
            return 0;
        }
        if (strstr(connection->data, "errorNum=") != NULL) {
            answer_wrong(load, connection->data, connection->length);
        }
        return 1;
    }
    return imap_complete(load, connection);
}

static void connection_await(load_t *load, connection_t *connection)
{
    if (!connection_read(load, connection)) {
        fail("closed by the server");
    }
}

static void imap_start(load_t *load, connection_t *connection, size_t number)
{
    char command[256];

    for (size_t line = 0; line < load->start.count; line++) {
        const char *text = load->start.line[line];
        const char *mark = strchrnul(text, '#');

        if (*mark == '\0') {
            snprintf(command, sizeof(command), "%s", text);
        }
        else {
            snprintf(command, sizeof(command), "%.*s%zu%s", (int)(mark - text), text, number,
                     mark + 1);
        }
        request_send(load, connection, command);
        do {
            connection_await(load, connection);
        } while (!imap_complete(load, connection));
    }
}

static void lmtp_start(load_t *load, connection_t *connection)
{
    static const char hello[] = "LHLO load.example\r\n";

    connection->length = 0;
    send_all(connection->fd, hello, strlen(hello));
    do {
        connection_await(load, connection);
    } while (!replies_complete(load, connection, 1));
}

static void connection_start(load_t *load, size_t i)
{
    connection_t *connection = &load->connections[i];

    connection->next = i * load->requests.count / load->count;
    connection->path = load->start.line[i % load->start.count];
    connection_open(load, connection);
    if (load->protocol == HTTP) {
        return;
    }
    do {
        connection_await(load, connection);
    } while (strchr(connection->data, '\n') == NULL);
    if (load->protocol == IMAP) {
        imap_start(load, connection, i);
    }
    else {
        lmtp_start(load, connection);
    }
}

static void answer_count(load_t *load, connection_t *connection, double time)
{
    if (load->answers < LATENCIES_MAX) {
        load->latencies[load->answers] = (uint32_t)((time - connection->sent) * 1e6);
    }
    load->answers++;
}

/* Takes one readable connection a step further; returns 1 when it sends no more. */
static int connection_step(load_t *load, connection_t *connection, double until)
{
    double time;

    if (!connection_read(load, connection)) {
        fail("closed by the server in the middle of an answer");
    }
    if (!answer_complete(load, connection)) {
        return 0;
    }
    time = now();
    answer_count(load, connection, time);
    if (time >= until) {
        return 1;
    }
    if (connection->closing) {
        close(connection->fd);
        connection->closing = 0;
        connection_open(load, connection);
        load->reconnects++;
    }
    request_next(load, connection);
    return 0;
}

static double run(load_t *load, double seconds)
{
    struct epoll_event events[256];
    size_t live = load->count;
    double start = now();

    for (size_t i = 0; i < load->count; i++) {
        request_next(load, &load->connections[i]);
    }
    while (live > 0) {
        int ready = epoll_wait(load->epoll, events, 256, STALL_MS);

        if (ready == 0) {
            fail("no answer for %d s", STALL_MS / 1000);
        }
        for (int i = 0; i < ready; i++) {
            live -= (size_t)connection_step(load, events[i].data.ptr, start + seconds);
        }
    }
    return now() - start;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

static void report(load_t *load, double seconds)
{
    size_t count = load->answers < LATENCIES_MAX ? load->answers : LATENCIES_MAX;

    qsort(load->latencies, count, sizeof(uint32_t), compare);
    printf("{\"answers\": %zu, \"errors\": %zu, \"reconnects\": %zu, \"seconds\": %.3f, "
           "\"per_second\": %.1f, \"p50_us\": %u, \"p99_us\": %u, \"bytes\": %llu}\n",
           load->answers, load->errors, load->reconnects, seconds, (double)load->answers / seconds,
           load->latencies[count / 2], load->latencies[count * 99 / 100],
           (unsigned long long)load->received);
}

int main(int argc, char **argv)
{
    load_t load = {0};

    if (argc != 7) {
        fail("usage: load http|imap|lmtp PORT CONNECTIONS SECONDS STARTFILE REQUESTFILE");
    }
    load.protocol = strcmp(argv[1], "http") == 0   ? HTTP
                    : strcmp(argv[1], "imap") == 0 ? IMAP
                                                   : LMTP;
    load.port = (int)strtol(argv[2], NULL, 10);
    load.count = strtoul(argv[3], NULL, 10);
    lines_read(&load.start, argv[5], '\n');
    lines_read(&load.requests, argv[6], '\0');
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.latencies = resize(NULL, LATENCIES_MAX * sizeof(uint32_t));
    load.connections = calloc(load.count > 0 ? load.count : 1, sizeof(connection_t));
    if (load.connections == NULL || load.count == 0 || load.epoll < 0) {
        fail("cannot start with %zu connections", load.count);
    }
    for (size_t i = 0; i < load.count; i++) {
        connection_start(&load, i);
    }
    load.received = 0;
    report(&load, run(&load, strtod(argv[4], NULL)));
    return load.errors > 0;
}
