/* milterload: load for a milter; speaks the mail server's side of the milter protocol, version 6, as Postfix 3.7 does.
 *
 * build: cc -O2 -Wall -Wextra -pthread -o milterload milterload.c
 *
 * usage: milterload -t TARGET [-t TARGET ...] -m MANIFEST [options]
 *   -t unix:PATH | inet:PORT@HOST   a milter on this machine; several make a chain: as in Postfix, each sees the fields
 *                that those before it inserted or changed
 *   -m MANIFEST  lines of TAB separated columns: message file, client address, client name, HELO, reverse-path,
 *                recipients by comma, texts expected in the inserted fields by comma; # in the client name, HELO and
 *                reverse-path stands for the number of the message, so that each asks for DNS names of its own
 *   -c N         connections at a time, each a thread; default 8
 *   -n N         messages to count, default 1000;  -w N: messages before them that do not count, default 64
 *   -r new       a milter connection for each message: SMTP sessions of one mail (default)
 *   -r abort     one milter connection, SMFIC_ABORT between messages: SMTP sessions of many mails
 *   -C METHODS   of the manifest's expectations check those of these methods alone: dkim,spf,dmarc
 *   -E TEXT      expect this text, too, in the inserted fields of every message; repeatable
 *   -B OCTETS    write buffer, default 65536
 *   -T SECONDS   stop after this long, default 120;  -W SECONDS: wait for a reply at most, default 30
 *   -G N         begin with message N of the manifest, default 0
 *   -L FILE      one line for each message: number, file, milliseconds, final replies (a letter for each target, ! for
 *                an error), inserted fields
 *   -x           send one message and show the replies to it
 *
 * Prints one line of JSON. Exit 0 when every reply was as expected, 1 when not, 2 on wrong usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_TARGETS = 6,
    MAX_FIELDS = 256,
    MAX_WORDS = 16,      /* recipients, or expectations, of one message */
    BODY_CHUNK = 65535,  /* what libmilter and Postfix send in one SMFIC_BODY */
    MAX_PACKET = 1 << 24,
};

enum protocol_bit {
    NO_CONNECT = 0x1, NO_HELO = 0x2, NO_MAIL = 0x4, NO_RCPT = 0x8, NO_BODY = 0x10, NO_HEADER = 0x20, NO_EOH = 0x40,
    NO_DATA = 0x200, NO_REPLY_HEADER = 0x80, NO_REPLY_CONNECT = 0x1000, NO_REPLY_HELO = 0x2000, NO_REPLY_MAIL = 0x4000,
    NO_REPLY_RCPT = 0x8000, NO_REPLY_DATA = 0x10000, NO_REPLY_EOH = 0x40000, NO_REPLY_BODY = 0x80000,
    LEADING_SPACE = 0x100000, OFFERED_PROTOCOL = 0x1fffff, OFFERED_ACTIONS = 0x1ff,
};

typedef struct {
    const char *name, *value; /* the value without the blank after the colon, folds as LF */
} field;

typedef struct {
    char *path, *ip, *host, *helo, *from, *rcpt[MAX_WORDS], *expected[MAX_WORDS];
    int nrcpt, nexpected, nfields;
    field fields[MAX_FIELDS];
    const char *body;
    size_t nbody;
} message;

typedef struct {
    bool is_unix;
    char *path, *host;
    int port;
} target;

typedef struct {
    int fd;
    const target *target;
    bool greeted, skip_body, broken;
    int settled; /* the reply that settled the message before its end, 0 while none did */
    uint32_t protocol;
    char *out, *in;
    size_t nout, in_size, in_start, in_end;
} connection;

/* The message on its way along the chain: its fields as edited so far, and what was inserted, as text. */
typedef struct {
    field fields[MAX_FIELDS];
    int nfields;
    char *inserted;
    size_t ninserted, inserted_size;
    char *copies[2 * MAX_FIELDS];
    int ncopies;
} journey;

static struct {
    target targets[MAX_TARGETS];
    int ntargets, connections, wait_seconds;
    bool keep_connection, show;
    long total, warm_up, first;
    size_t buffer_size;
    double max_seconds;
    FILE *log;
    char *methods, *expected[MAX_WORDS];
    int nexpected;
    message *messages;
    int nmessages;
} options = {.connections = 8, .wait_seconds = 30, .total = 1000, .warm_up = 64, .buffer_size = 65536, .max_seconds = 120};

static struct {
    atomic_long next, good, bad, errors, shown, round_trips, sent;
    atomic_bool stop;
    _Atomic double begin;
    double *seconds; /* of each counted message, -1 where it was not sent */
    _Atomic uint32_t protocol[MAX_TARGETS];
} run;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static void *grown(void *memory, size_t size)
{
    void *p = realloc(memory, size);
    if (!p)
        die("out of memory");
    return p;
}

/* Packets */

static int flush(connection *c)
{
    for (size_t at = 0; at < c->nout;) {
        ssize_t n = send(c->fd, c->out + at, c->nout - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        at += n;
    }
    atomic_fetch_add_explicit(&run.sent, c->nout, memory_order_relaxed);
    c->nout = 0;
    return 0;
}

static int put(connection *c, const void *octets, size_t n)
{
    for (const char *p = octets; n;) {
        size_t part = options.buffer_size - c->nout < n ? options.buffer_size - c->nout : n;
        memcpy(c->out + c->nout, p, part);
        c->nout += part;
        p += part;
        n -= part;
        if (c->nout == options.buffer_size && flush(c))
            return -1;
    }
    return 0;
}

static int send_packet(connection *c, char command, const void *data, size_t n)
{
    uint32_t length = htonl(n + 1);
    return put(c, &length, 4) || put(c, &command, 1) || put(c, data, n) ? -1 : 0;
}

/* One packet; *data points into the buffer until the next call. */
static int receive_packet(connection *c, char *command, char **data, size_t *n)
{
    for (;;) {
        size_t have = c->in_end - c->in_start;
        if (have >= 5) {
            uint32_t length;
            memcpy(&length, c->in + c->in_start, 4);
            length = ntohl(length);
            if (length < 1 || length > MAX_PACKET)
                return -1;
            if (have >= 4 + (size_t)length) {
                *command = c->in[c->in_start + 4];
                *data = c->in + c->in_start + 5;
                *n = length - 1;
                c->in_start += 4 + length;
                return 0;
            }
            if (4 + (size_t)length > c->in_size)
                c->in = grown(c->in, c->in_size = 4 + (size_t)length);
        }
        if (c->in_start) {
            memmove(c->in, c->in + c->in_start, have);
            c->in_end = have;
            c->in_start = 0;
        }
        ssize_t got = recv(c->fd, c->in + c->in_end, c->in_size - c->in_end, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        c->in_end += got;
    }
}

static int receive_reply(connection *c)
{
    char command, *data;
    size_t n;
    if (flush(c))
        return -1;
    atomic_fetch_add_explicit(&run.round_trips, 1, memory_order_relaxed);
    do {
        if (receive_packet(c, &command, &data, &n))
            return -1;
    } while (command == 'p');
    return (unsigned char)command;
}

/* A macro packet for a command: names and values, ended by NULL. */
static int send_macros(connection *c, char command, ...)
{
    char packet[2048];
    size_t n = 0;
    const char *word;
    va_list words;
    packet[n++] = command;
    va_start(words, command);
    while ((word = va_arg(words, const char *))) {
        size_t length = strlen(word) + 1;
        if (n + length > sizeof packet)
            break;
        memcpy(packet + n, word, length);
        n += length;
    }
    va_end(words);
    return send_packet(c, 'D', packet, n);
}

/* An event: -1 an error, 0 go on, else the reply that settles the message. */
static int send_event(connection *c, char command, const void *data, size_t n, uint32_t unwanted, uint32_t no_reply)
{
    if (c->protocol & unwanted)
        return 0;
    if (send_packet(c, command, data, n))
        return -1;
    if (c->protocol & no_reply)
        return 0;
    int reply = receive_reply(c);
    if (reply == 's' && command == 'B')
        c->skip_body = true;
    return reply == 'c' || reply == 's' ? 0 : reply;
}

/* Connections */

static int connect_to(const target *t)
{
    int fd;
    if (t->is_unix) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s", t->path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        for (int tries = 0; connect(fd, (void *)&address, sizeof address); tries++) {
            if (errno != EAGAIN || tries > 2000) { /* EAGAIN: the backlog is full */
                close(fd);
                return -1;
            }
            usleep(1000);
        }
        return fd;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(t->port)};
    inet_pton(AF_INET, t->host, &address.sin_addr);
    if (ntohl(address.sin_addr.s_addr) >> 24 != 127)
        die("target is not on loopback");
    int one = 1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(fd, (void *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_connection(connection *c)
{
    if ((c->fd = connect_to(c->target)) < 0)
        return -1;
    struct timeval wait = {options.wait_seconds, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    c->nout = c->in_start = c->in_end = 0;
    c->greeted = c->broken = false;
    uint32_t words[3] = {htonl(6), htonl(OFFERED_ACTIONS), htonl(OFFERED_PROTOCOL)};
    char command, *data;
    size_t n;
    if (send_packet(c, 'O', words, sizeof words) || flush(c) || receive_packet(c, &command, &data, &n) ||
        command != 'O' || n < sizeof words)
        return -1;
    memcpy(words, data, sizeof words);
    c->protocol = ntohl(words[2]);
    if (c->protocol & ~OFFERED_PROTOCOL)
        die("the milter chose protocol bits that were not offered: 0x%x", c->protocol);
    run.protocol[c->target - options.targets] = c->protocol;
    return 0;
}

static void close_connection(connection *c)
{
    if (c->fd < 0)
        return;
    if (!c->broken && send_packet(c, 'Q', "", 0) == 0)
        flush(c);
    close(c->fd);
    c->fd = -1;
}

/* One message */

static int send_greeting(connection *c, const message *m)
{
    char packet[1200], underscore[300];
    bool is_ipv6 = strchr(m->ip, ':') != NULL;
    snprintf(underscore, sizeof underscore, "%s [%s]", m->host, m->ip);
    if (send_macros(c, 'C', "j", "mx.rcpt.example.net", "{daemon_name}", "smtpd", "{daemon_addr}", "127.0.0.1", "v",
                    "Postfix 3.7.11", "_", underscore, NULL))
        return -1;
    size_t n = snprintf(packet, sizeof packet, "%s", m->host) + 1;
    packet[n++] = is_ipv6 ? '6' : '4';
    packet[n++] = (char)0xA0;
    packet[n++] = 0x11;
    n += snprintf(packet + n, sizeof packet - n, "%s", m->ip) + 1;
    int reply = send_event(c, 'C', packet, n, NO_CONNECT, NO_REPLY_CONNECT);
    if (reply)
        return reply;
    if (send_macros(c, 'H', NULL))
        return -1;
    c->greeted = true;
    return send_event(c, 'H', m->helo, strlen(m->helo) + 1, NO_HELO, NO_REPLY_HELO);
}

static int send_envelope(connection *c, const message *m, const char *queue_id)
{
    char packet[1200];
    int reply;
    c->settled = 0;
    c->skip_body = false;
    if (!c->greeted && (reply = send_greeting(c, m)))
        return c->settled = reply;
    size_t n = snprintf(packet, sizeof packet, "<%s>", m->from) + 1;
    n += snprintf(packet + n, sizeof packet - n, "SIZE=%zu", m->nbody + 2000) + 1;
    if (send_macros(c, 'M', "{mail_addr}", m->from, "{mail_host}", "rcpt.example.net", "{mail_mailer}", "smtp", NULL))
        return -1;
    if ((reply = send_event(c, 'M', packet, n, NO_MAIL, NO_REPLY_MAIL)))
        return c->settled = reply;
    for (int i = 0; i < m->nrcpt; i++) {
        n = snprintf(packet, sizeof packet, "<%s>", m->rcpt[i]) + 1;
        if (send_macros(c, 'R', "{rcpt_addr}", m->rcpt[i], "{rcpt_host}", "rcpt.example.net", "{rcpt_mailer}",
                        "virtual", i ? "i" : NULL, queue_id, NULL))
            return -1;
        if ((reply = send_event(c, 'R', packet, n, NO_RCPT, NO_REPLY_RCPT)))
            return c->settled = reply;
    }
    if (send_macros(c, 'T', "i", queue_id, NULL))
        return -1;
    return c->settled = send_event(c, 'T', "", 0, NO_DATA, NO_REPLY_DATA);
}

static void note(journey *j, const char *text)
{
    size_t n = strlen(text);
    if (j->ninserted + n + 1 > j->inserted_size)
        j->inserted = grown(j->inserted, j->inserted_size = (j->ninserted + n + 1) * 2);
    memcpy(j->inserted + j->ninserted, text, n + 1);
    j->ninserted += n;
}

static const char *copy(journey *j, const char *text)
{
    if (j->ncopies == 2 * MAX_FIELDS)
        die("a milter makes too many edits");
    return j->copies[j->ncopies++] = strdup(text);
}

static void insert_field(journey *j, int at, field f)
{
    if (j->nfields == MAX_FIELDS)
        return;
    if (at > j->nfields)
        at = j->nfields;
    memmove(j->fields + at + 1, j->fields + at, (j->nfields - at) * sizeof f);
    j->fields[at] = f;
    j->nfields++;
}

/* The nth field of a name gets another value; an empty one deletes. */
static void change_field(journey *j, uint32_t nth, field f)
{
    uint32_t seen = 0;
    for (int i = 0; i < j->nfields; i++) {
        if (strcasecmp(j->fields[i].name, f.name) || ++seen != (nth ? nth : 1))
            continue;
        if (*f.value) {
            j->fields[i].value = f.value;
        } else {
            memmove(j->fields + i, j->fields + i + 1, (j->nfields - i - 1) * sizeof f);
            j->nfields--;
        }
        return;
    }
}

/* An edit of the header, so that the next target of the chain sees it; -1 where the packet is malformed. */
static int edit(journey *j, char command, char *data, size_t n)
{
    uint32_t index = 0;
    char *name = data;
    if (command != 'h') {
        memcpy(&index, data, 4);
        index = ntohl(index);
        name += 4;
    }
    char *value = name + strlen(name) + 1;
    if (value >= data + n)
        return -1;
    if (options.show)
        fprintf(stderr, "%c %u %s:%s\n", command, index, name, value);
    note(j, name);
    note(j, ": ");
    note(j, value);
    note(j, "\n");
    value += strspn(value, " ");
    field f = {copy(j, name), copy(j, value)};
    if (command == 'm')
        change_field(j, index, f);
    else /* Postfix counts its own Received as 1, and shows it to no milter */
        insert_field(j, command == 'h' ? MAX_FIELDS : index ? (int)index - 1 : 0, f);
    return 0;
}

static int send_content(connection *c, const message *m, journey *j, const char *queue_id)
{
    int reply;
    if (c->settled)
        return c->settled;
    for (int i = 0; i < j->nfields; i++) {
        char packet[16384];
        size_t name = strlen(j->fields[i].name) + 1, value = strlen(j->fields[i].value) + 1;
        size_t blank = c->protocol & LEADING_SPACE ? 1 : 0;
        if (name + blank + value > sizeof packet)
            continue;
        memcpy(packet, j->fields[i].name, name);
        packet[name] = ' ';
        memcpy(packet + name + blank, j->fields[i].value, value);
        if (send_macros(c, 'L', "i", queue_id, NULL))
            return -1;
        if ((reply = send_event(c, 'L', packet, name + blank + value, NO_HEADER, NO_REPLY_HEADER)))
            return reply;
    }
    if (send_macros(c, 'N', "i", queue_id, NULL))
        return -1;
    if ((reply = send_event(c, 'N', "", 0, NO_EOH, NO_REPLY_EOH)))
        return reply;
    for (size_t at = 0; at < m->nbody && !c->skip_body; at += BODY_CHUNK) {
        size_t n = m->nbody - at < BODY_CHUNK ? m->nbody - at : BODY_CHUNK;
        if (send_macros(c, 'B', "i", queue_id, NULL))
            return -1;
        if ((reply = send_event(c, 'B', m->body + at, n, NO_BODY, NO_REPLY_BODY)))
            return reply;
    }
    if (send_macros(c, 'E', "i", queue_id, NULL) || send_packet(c, 'E', "", 0) || flush(c))
        return -1;
    atomic_fetch_add_explicit(&run.round_trips, 1, memory_order_relaxed);
    for (;;) {
        char command, *data;
        size_t n;
        if (receive_packet(c, &command, &data, &n))
            return -1;
        if (strchr("carty4d", command)) {
            if (options.show)
                fprintf(stderr, "final reply: %c\n", command);
            return command;
        }
        if (strchr("him", command) && edit(j, command, data, n))
            return -1;
    }
}

/* Checking */

static bool is_checked(const char *expectation)
{
    if (!options.methods)
        return true;
    size_t length = strcspn(expectation, "=");
    for (const char *p = options.methods; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == length && !strncmp(p, expectation, length))
            return true;
    return false;
}

/* What was not as expected, NULL where all was. */
static const char *complaint(const message *m, const journey *j, const int *replies)
{
    for (int t = 0; t < options.ntargets; t++)
        if (replies[t] != 'c' && replies[t] != 'a')
            return "final reply";
    for (int i = 0; i < m->nexpected; i++)
        if (is_checked(m->expected[i]) && !strcasestr(j->inserted, m->expected[i]))
            return m->expected[i];
    for (int i = 0; i < options.nexpected; i++)
        if (!strcasestr(j->inserted, options.expected[i]))
            return options.expected[i];
    return NULL;
}

static void write_log(long number, const message *m, double seconds, const int *replies, bool failed, journey *j)
{
    char letters[MAX_TARGETS + 1] = "";
    for (int t = 0; t < options.ntargets; t++)
        letters[t] = failed ? '!' : replies[t];
    for (char *p = j->inserted; *p; p++)
        if (strchr("\r\n\t", *p))
            *p = *p == '\n' && p[1] && !strchr(" \t", p[1]) ? '|' : ' ';
    fprintf(options.log, "%ld\t%s\t%.2f\t%s\t%s\n", number, m->path, seconds * 1e3, letters, j->inserted);
}

static void settle(long number, const message *m, double seconds, const int *replies, bool failed, journey *j)
{
    const char *why = failed ? NULL : complaint(m, j, replies);
    bool counts = number >= options.warm_up;
    if (failed) {
        atomic_fetch_add(&run.errors, 1);
        if (atomic_fetch_add(&run.shown, 1) < 3)
            fprintf(stderr, "error on %s: %s\n", m->path, strerror(errno));
    } else if (counts) {
        atomic_fetch_add(why ? &run.bad : &run.good, 1);
        run.seconds[number - options.warm_up] = seconds;
    }
    if (why && atomic_fetch_add(&run.shown, 1) < 3)
        fprintf(stderr, "unexpected (%s) for %s: reply %c\n%s\n", why, m->path, replies[0], j->inserted);
    if (options.log && counts)
        write_log(number, m, seconds, replies, failed, j);
}

/* A text with the number of the message in place of #; in the room if there is one, else itself. */
static char *numbered(char *room, size_t size, char *text, long number)
{
    size_t before = strcspn(text, "#");
    if (!text[before])
        return text;
    snprintf(room, size, "%.*s%08ld%s", (int)before, text, number, text + before + 1);
    return room;
}

/* One message through the whole chain. */
static void deliver(connection *chain, journey *j, long number)
{
    message *listed = &options.messages[(options.first + number) % options.nmessages], own, *m = listed;
    int replies[MAX_TARGETS] = {0}, t;
    char host[300], helo[300], from[300];
    if (strchr(listed->from, '#')) {
        own = *listed;
        own.host = numbered(host, sizeof host, listed->host, options.first + number);
        own.helo = numbered(helo, sizeof helo, listed->helo, options.first + number);
        own.from = numbered(from, sizeof from, listed->from, options.first + number);
        m = &own;
    }
    bool failed = false;
    char queue_id[24];
    double start = now();
    if (number == options.warm_up)
        run.begin = start;
    snprintf(queue_id, sizeof queue_id, "4B%08lX", number);
    memcpy(j->fields, m->fields, m->nfields * sizeof(field));
    j->nfields = m->nfields;
    j->ninserted = 0;
    note(j, "");
    for (t = 0; t < options.ntargets && !failed; t++)
        failed = chain[t].fd < 0 && open_connection(&chain[t]);
    for (t = 0; t < options.ntargets && !failed; t++)
        failed = send_envelope(&chain[t], m, queue_id) < 0;
    for (t = 0; t < options.ntargets && !failed; t++)
        failed = (replies[t] = send_content(&chain[t], m, j, queue_id)) < 0;
    settle(number, m, now() - start, replies, failed, j);
    while (j->ncopies)
        free(j->copies[--j->ncopies]);
    for (t = 0; t < options.ntargets; t++) {
        chain[t].broken |= failed;
        if (!failed && chain[t].fd >= 0)
            send_packet(&chain[t], 'A', "", 0);
        if (failed || !options.keep_connection)
            close_connection(&chain[t]);
    }
}

static void *run_connection(void *unused)
{
    connection chain[MAX_TARGETS] = {0};
    journey j = {0};
    (void)unused;
    for (int t = 0; t < options.ntargets; t++) {
        chain[t].fd = -1;
        chain[t].target = &options.targets[t];
        chain[t].out = grown(NULL, options.buffer_size);
        chain[t].in = grown(NULL, chain[t].in_size = 65536);
    }
    while (!run.stop) {
        long number = atomic_fetch_add(&run.next, 1);
        bool late = number > options.warm_up && now() - run.begin > options.max_seconds;
        if (number >= options.total + options.warm_up || late)
            break;
        deliver(chain, &j, number);
        if (options.show)
            run.stop = true;
    }
    for (int t = 0; t < options.ntargets; t++)
        close_connection(&chain[t]);
    return NULL;
}

/* Reading the manifest */

static char *read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die("%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    *n = ftell(file);
    rewind(file);
    char *text = grown(NULL, *n + 1);
    if (fread(text, 1, *n, file) != *n)
        die("%s: cannot be read", path);
    text[*n] = 0;
    fclose(file);
    return text;
}

/* Cut a message into fields and body, in place. */
static void read_message(message *m)
{
    size_t n;
    char *text = read_file(m->path, &n), *p = text;
    while (*p && *p != '\r' && *p != '\n') {
        char *name = p, *colon = strchr(p, ':');
        if (!colon || m->nfields == MAX_FIELDS)
            die("%s: no header, or too long a one", m->path);
        *colon = 0;
        char *value = colon + 1 + (colon[1] == ' '), *to = value;
        for (p = value; *p; *to++ = *p++) {
            if (*p == '\r' && p[1] == '\n')
                p++;
            if (*p == '\n' && p[1] != ' ' && p[1] != '\t') {
                p++;
                break;
            }
        }
        *to = 0;
        m->fields[m->nfields++] = (field){name, value};
    }
    p += *p == '\r';
    p += *p == '\n';
    m->body = p;
    m->nbody = n - (p - text);
}

static int split(char *text, char **words)
{
    int n = 0;
    for (char *word = strtok(text, ","); word && n < MAX_WORDS; word = strtok(NULL, ","))
        words[n++] = word;
    return n;
}

static void read_manifest(const char *path)
{
    size_t n;
    char *rest, *text = read_file(path, &n);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *columns[7];
        for (int i = 0; i < 7; i++) {
            columns[i] = line ? line : "";
            if (line && (line = strchr(line, '\t')))
                *line++ = 0;
        }
        options.messages = grown(options.messages, (options.nmessages + 1) * sizeof(message));
        message *m = memset(&options.messages[options.nmessages++], 0, sizeof(message));
        m->path = columns[0];
        m->ip = columns[1];
        m->host = columns[2];
        m->helo = columns[3];
        m->from = columns[4];
        m->nrcpt = split(columns[5], m->rcpt);
        m->nexpected = split(columns[6], m->expected);
        read_message(m);
    }
    if (!options.nmessages)
        die("%s: empty", path);
}

static void add_target(char *text)
{
    if (options.ntargets == MAX_TARGETS)
        die("too many targets");
    target *t = &options.targets[options.ntargets++];
    if (!strncmp(text, "unix:", 5)) {
        *t = (target){.is_unix = true, .path = text + 5};
    } else if (!strncmp(text, "inet:", 5)) {
        char *at = strchr(text, '@');
        *t = (target){.port = atoi(text + 5), .host = at ? at + 1 : "127.0.0.1"};
    } else {
        die("%s: neither unix: nor inet:", text);
    }
}

static void read_options(int argc, char **argv)
{
    char *manifest = NULL;
    for (int letter; (letter = getopt(argc, argv, "t:m:c:n:w:r:C:E:B:T:W:G:L:x")) != -1;) {
        switch (letter) {
        case 't': add_target(optarg); break;
        case 'm': manifest = optarg; break;
        case 'c': options.connections = atoi(optarg); break;
        case 'n': options.total = atol(optarg); break;
        case 'w': options.warm_up = atol(optarg); break;
        case 'r': options.keep_connection = !strcmp(optarg, "abort"); break;
        case 'C': options.methods = optarg; break;
        case 'E':
            if (options.nexpected == MAX_WORDS)
                die("too many expectations");
            options.expected[options.nexpected++] = optarg;
            break;
        case 'B': options.buffer_size = atol(optarg); break;
        case 'T': options.max_seconds = atof(optarg); break;
        case 'W': options.wait_seconds = atoi(optarg); break;
        case 'G': options.first = atol(optarg); break;
        case 'L':
            if (!(options.log = fopen(optarg, "w")))
                die("%s: %s", optarg, strerror(errno));
            break;
        case 'x': options.show = true; break;
        default: die("see the top of milterload.c");
        }
    }
    if (!manifest || !options.ntargets)
        die("-t and -m are needed; see the top of milterload.c");
    read_manifest(manifest);
}

/* The answer */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_result(double elapsed)
{
    long n = 0;
    for (long i = 0; i < options.total; i++)
        if (run.seconds[i] >= 0)
            run.seconds[n++] = run.seconds[i];
    qsort(run.seconds, n, sizeof *run.seconds, by_size);
    double quantiles[4] = {.5, .9, .99, 1}, ms[4] = {0};
    for (int i = 0; i < 4 && n; i++)
        ms[i] = run.seconds[(long)((n - 1) * quantiles[i])] * 1e3;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    printf("{\"conns\": %d, \"msgs\": %ld, \"ok\": %ld, \"bad\": %ld, \"errors\": %ld, \"secs\": %.3f, "
           "\"msgs_per_s\": %.1f, \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
           "\"round_trips_per_msg\": %.2f, \"generator_cpu_s\": %.2f, \"sent_mb\": %.1f, \"protocol\": [",
           options.connections, n, run.good, run.bad, run.errors, elapsed, n / elapsed, ms[0], ms[1], ms[2], ms[3],
           (double)run.round_trips / (n + options.warm_up), cpu, run.sent / 1e6);
    for (int t = 0; t < options.ntargets; t++)
        printf("%s\"0x%x\"", t ? ", " : "", run.protocol[t]);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    run.seconds = grown(NULL, options.total * sizeof *run.seconds);
    for (long i = 0; i < options.total; i++)
        run.seconds[i] = -1;
    run.begin = now();
    pthread_t *threads = grown(NULL, options.connections * sizeof *threads);
    for (int i = 0; i < options.connections; i++)
        if (pthread_create(&threads[i], NULL, run_connection, NULL))
            die("a thread cannot be had");
    for (int i = 0; i < options.connections; i++)
        pthread_join(threads[i], NULL);
    print_result(now() - run.begin);
    if (options.log)
        fclose(options.log);
    return run.bad || run.errors ? 1 : 0;
}
