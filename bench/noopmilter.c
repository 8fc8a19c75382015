/* noopmilter: the least that a milter can do, the floor of the measurements. A thread a connection, one field inserted.
 *
 * build: cc -O2 -Wall -Wextra -pthread -o noopmilter noopmilter.c -lcrypto
 *
 * usage: noopmilter SOCKET [BITS [verify|sign]]
 *   BITS    protocol bits to ask for; default: every no-reply bit. 0: a reply for each event
 *   verify  SHA-256 of the body and one RSA-2048 verification a message;  sign: one signature
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER = 1 << 17, NEVER_ANSWERED = -1, ALWAYS_ANSWERED = 0 };

static uint32_t wanted = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x80000 | 0x100;
static bool verifies, signs;
static EVP_PKEY *key;
static unsigned char signature[256], digest[32];

static int send_all(int fd, const void *octets, size_t n)
{
    return send(fd, octets, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

/* The bit that makes this command want no answer. */
static int64_t no_reply_bit(unsigned char command)
{
    switch (command) {
    case 'C': return 0x1000;
    case 'H': return 0x2000;
    case 'M': return 0x4000;
    case 'R': return 0x8000;
    case 'T': return 0x10000;
    case 'L': return 0x80;
    case 'N': return 0x40000;
    case 'B': return 0x80000;
    case 'D': case 'A': case 'K': return NEVER_ANSWERED;
    default: return ALWAYS_ANSWERED;
    }
}

static int negotiate(int fd, const unsigned char *data)
{
    uint32_t offered, words[4] = {htonl(13), htonl(6), htonl(0x11)};
    unsigned char packet[17];
    memcpy(&offered, data + 8, 4);
    words[3] = htonl(wanted & ntohl(offered));
    memcpy(packet, words, 4);
    packet[4] = 'O';
    memcpy(packet + 5, words + 1, 12);
    return send_all(fd, packet, sizeof packet);
}

static void compute(EVP_MD_CTX *hash, EVP_PKEY_CTX *operation)
{
    unsigned char made[256];
    unsigned hashed;
    size_t n = sizeof made;
    EVP_DigestFinal_ex(hash, made, &hashed);
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    if (verifies && EVP_PKEY_verify(operation, signature, sizeof signature, digest, sizeof digest) != 1)
        abort();
    if (signs && EVP_PKEY_sign(operation, made, &n, digest, sizeof digest) != 1)
        abort();
}

static int finish(int fd)
{
    static const char field[] = "i\0\0\0\0Authentication-Results\0mx; dkim=pass; spf=pass; dmarc=pass";
    unsigned char packet[128];
    uint32_t length = htonl(sizeof field);
    memcpy(packet, &length, 4);
    memcpy(packet + 4, field, sizeof field);
    length = htonl(1);
    memcpy(packet + 4 + sizeof field, &length, 4);
    packet[8 + sizeof field] = 'a';
    return send_all(fd, packet, 9 + sizeof field);
}

static EVP_PKEY_CTX *start_operation(void)
{
    EVP_PKEY_CTX *operation = EVP_PKEY_CTX_new(key, NULL);
    if (verifies)
        EVP_PKEY_verify_init(operation);
    else
        EVP_PKEY_sign_init(operation);
    EVP_PKEY_CTX_set_signature_md(operation, EVP_sha256());
    return operation;
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    bool computes = verifies || signs;
    size_t start = 0, end = 0;
    unsigned char *buffer = malloc(BUFFER);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    EVP_PKEY_CTX *operation = computes ? start_operation() : NULL;
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    for (;;) {
        uint32_t length;
        while (end - start < 5 || (memcpy(&length, buffer + start, 4), end - start < 4 + ntohl(length))) {
            memmove(buffer, buffer + start, end - start);
            end -= start;
            start = 0;
            ssize_t got = recv(fd, buffer + end, BUFFER - end, 0);
            if (got <= 0)
                goto out;
            end += got;
        }
        unsigned char command = buffer[start + 4], *data = buffer + start + 5;
        start += 4 + ntohl(length);
        int64_t bit = no_reply_bit(command);
        int failed = 0;
        if (command == 'Q')
            break;
        if (command == 'O') {
            failed = negotiate(fd, data);
        } else if (command == 'E') {
            if (computes)
                compute(hash, operation);
            failed = finish(fd);
        } else {
            if (command == 'B' && computes)
                EVP_DigestUpdate(hash, data, ntohl(length) - 1);
            if (bit != NEVER_ANSWERED && !(wanted & bit))
                failed = send_all(fd, "\0\0\0\1c", 5);
        }
        if (failed)
            break;
    }
out:
    close(fd);
    free(buffer);
    EVP_MD_CTX_free(hash);
    EVP_PKEY_CTX_free(operation);
    return NULL;
}

static void make_key(void)
{
    size_t n = sizeof signature;
    key = EVP_RSA_gen(2048);
    EVP_PKEY_CTX *operation = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY_sign_init(operation);
    EVP_PKEY_CTX_set_signature_md(operation, EVP_sha256());
    EVP_PKEY_sign(operation, signature, &n, digest, sizeof digest);
    EVP_PKEY_CTX_free(operation);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc < 2) {
        fprintf(stderr, "see the top of noopmilter.c\n");
        return 2;
    }
    if (argc > 2)
        wanted = strtoul(argv[2], NULL, 0);
    verifies = argc > 3 && !strcmp(argv[3], "verify");
    signs = argc > 3 && !strcmp(argv[3], "sign");
    if (verifies || signs)
        make_key();
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    unlink(argv[1]);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 128)) {
        perror(argv[1]);
        return 1;
    }
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;
        if (fd >= 0 && !pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
            pthread_detach(thread);
    }
}
