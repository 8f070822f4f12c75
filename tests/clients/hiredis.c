/* hiredis: thousands of pipelined commands, binary values, groups, transactions, pub/sub, a reply of
 * every kind. Usage: hiredis PORT */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define PIPELINED 10000

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "hiredis.c:%d: not so: %s\n", __LINE__, #condition);      \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static redisContext *open_connection(int port) {
    struct timeval patience = {30, 0};
    redisContext *c = redisConnectWithTimeout("127.0.0.1", port, patience);
    CHECK(c != NULL && c->err == 0);
    CHECK(redisSetTimeout(c, patience) == REDIS_OK);
    return c;
}

/* The next reply to what was appended before. */
static redisReply *next(redisContext *c) {
    void *reply = NULL;
    CHECK(redisGetReply(c, &reply) == REDIS_OK && reply != NULL);
    return reply;
}

static int is_status(redisReply *reply, const char *text) {
    int same = reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, text) == 0;
    freeReplyObject(reply);
    return same;
}

static long long integer(redisReply *reply) {
    CHECK(reply != NULL && reply->type == REDIS_REPLY_INTEGER);
    long long value = reply->integer;
    freeReplyObject(reply);
    return value;
}

static void pipelined(redisContext *c) {
    for (int n = 1; n <= PIPELINED; n++)
        CHECK(redisAppendCommand(c, "XADD hi:log %d-0 n %d text %s", n, n, "a b") == REDIS_OK);
    CHECK(redisAppendCommand(c, "XLEN hi:log") == REDIS_OK);
    for (int n = 1; n <= PIPELINED; n++) {
        char expected[32];
        int len = snprintf(expected, sizeof expected, "%d-0", n);
        redisReply *reply = next(c);
        CHECK(reply->type == REDIS_REPLY_STRING && reply->len == (size_t)len);
        CHECK(memcmp(reply->str, expected, reply->len) == 0);
        freeReplyObject(reply);
    }
    CHECK(integer(next(c)) == PIPELINED);

    redisReply *all = redisCommand(c, "XRANGE hi:log - +");
    CHECK(all != NULL && all->type == REDIS_REPLY_ARRAY && all->elements == PIPELINED);
    redisReply *last = all->element[PIPELINED - 1];
    CHECK(last->elements == 2 && strcmp(last->element[0]->str, "10000-0") == 0);
    CHECK(last->element[1]->elements == 4 && strcmp(last->element[1]->element[3]->str, "a b") == 0);
    freeReplyObject(all);
}

/* Zero bytes, line ends and a megabyte, through argv and through %b. */
static void binary(redisContext *c) {
    static char big[1 << 20];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (char)(i * 31);
    const char *argv[] = {"XADD", "hi:binary", "1-1", "\0\r\n$", big};
    const size_t lens[] = {4, 9, 3, 4, sizeof big};
    redisReply *reply = redisCommandArgv(c, 5, argv, lens);
    CHECK(reply != NULL && reply->type == REDIS_REPLY_STRING && strcmp(reply->str, "1-1") == 0);
    freeReplyObject(reply);
    reply = redisCommand(c, "XRANGE %b 1-1 1-1", "hi:binary", (size_t)9);
    CHECK(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1);
    redisReply *fields = reply->element[0]->element[1];
    CHECK(fields->elements == 2 && fields->element[0]->len == 4);
    CHECK(memcmp(fields->element[0]->str, "\0\r\n$", 4) == 0);
    CHECK(fields->element[1]->len == sizeof big);
    CHECK(memcmp(fields->element[1]->str, big, sizeof big) == 0);
    freeReplyObject(reply);
}

static void group(redisContext *c, int port) {
    CHECK(is_status(redisCommand(c, "XGROUP CREATE hi:jobs g $ MKSTREAM"), "OK"));
    redisReply *reply = redisCommand(c, "XGROUP CREATE hi:jobs g $");
    CHECK(reply != NULL && reply->type == REDIS_REPLY_ERROR);
    CHECK(strncmp(reply->str, "BUSYGROUP ", 10) == 0);
    freeReplyObject(reply);

    /* One connection waits while the other one adds. */
    redisContext *worker = open_connection(port);
    int done = 0;
    CHECK(redisAppendCommand(worker, "XREADGROUP GROUP g w BLOCK 20000 STREAMS hi:jobs >") == REDIS_OK);
    while (!done) CHECK(redisBufferWrite(worker, &done) == REDIS_OK);
    freeReplyObject(redisCommand(c, "XADD hi:jobs 5-0 job %s", "first"));
    reply = next(worker);
    CHECK(reply->type == REDIS_REPLY_ARRAY && reply->elements == 1);
    redisReply *entry = reply->element[0]->element[1]->element[0];
    CHECK(strcmp(entry->element[0]->str, "5-0") == 0);
    freeReplyObject(reply);
    CHECK(integer(redisCommand(worker, "XACK hi:jobs g 5-0")) == 1);
    reply = redisCommand(worker, "XREADGROUP GROUP g w BLOCK 10 STREAMS hi:jobs >");
    CHECK(reply != NULL && reply->type == REDIS_REPLY_NIL);
    freeReplyObject(reply);
    redisFree(worker);
}

static void transaction(redisContext *c) {
    CHECK(is_status(redisCommand(c, "MULTI"), "OK"));
    CHECK(is_status(redisCommand(c, "INCR hi:counter"), "QUEUED"));
    CHECK(is_status(redisCommand(c, "XADD hi:tx 1-0 a b"), "QUEUED"));
    redisReply *reply = redisCommand(c, "EXEC");
    CHECK(reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
    CHECK(reply->element[0]->type == REDIS_REPLY_INTEGER && reply->element[0]->integer == 1);
    CHECK(reply->element[1]->type == REDIS_REPLY_STRING);
    freeReplyObject(reply);
}

static void subscribe(redisContext *c, int port) {
    redisContext *listener = open_connection(port);
    redisReply *reply = redisCommand(listener, "SUBSCRIBE hi:news");
    CHECK(reply != NULL && reply->elements == 3 && strcmp(reply->element[0]->str, "subscribe") == 0);
    freeReplyObject(reply);
    for (int n = 0; n < 1000; n++) CHECK(redisAppendCommand(c, "PUBLISH hi:news %d", n) == REDIS_OK);
    for (int n = 0; n < 1000; n++) CHECK(integer(next(c)) == 1);
    for (int n = 0; n < 1000; n++) {
        reply = next(listener);
        CHECK(reply->elements == 3 && strcmp(reply->element[0]->str, "message") == 0);
        CHECK(atoi(reply->element[2]->str) == n);
        freeReplyObject(reply);
    }
    redisFree(listener);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    int port = atoi(argv[1]);
    redisContext *c = open_connection(port);
    CHECK(is_status(redisCommand(c, "PING"), "PONG"));
    pipelined(c);
    binary(c);
    group(c, port);
    transaction(c);
    subscribe(c, port);
    CHECK(is_status(redisCommand(c, "QUIT"), "OK"));
    redisFree(c);
    printf("hiredis %d.%d.%d: all scenarios passed\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return 0;
}
