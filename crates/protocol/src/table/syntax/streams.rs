//! Streams.

pub(super) static ROWS: &[(&str, &str)] = &[
    ("xack", "key:k group id+"),
    ("xackdel", "key:k group [condition@<KEEPREF|DELREF|ACKED>] ids@IDS=(numids:i id+)"),
    (
        "xadd",
        "key:k [NOMKSTREAM^6.2.0] [condition@<KEEPREF|DELREF|ACKED>^8.2.0] [idmp@<IDMPAUTO=producer-id|idmp_explicit@IDMP=(producer-id idempotent-id)>^8.6.0] [trim@(strategy@<MAXLEN|MINID^6.2.0> [operator@<equal!=|approximately!~>] threshold [LIMIT=count:i^6.2.0])] id_or_auto@<auto_id!*|id> field_value@(field value)+",
    ),
    ("xautoclaim", "key:k group consumer min-idle-time start [COUNT=count:i] [JUSTID]"),
    ("xcfgset", "key:k [IDMP-DURATION=duration:i] [IDMP-MAXSIZE=maxsize:i]"),
    (
        "xclaim",
        "key:k group consumer min-idle-time id+ [IDLE=ms:i] [TIME=unix-time-milliseconds:t] [RETRYCOUNT=count:i] [FORCE] [JUSTID] [LASTID=id]",
    ),
    ("xdel", "key:k id+"),
    ("xdelex", "key:k [condition@<KEEPREF|DELREF|ACKED>] ids@IDS=(numids:i id+)"),
    ("xgroup|create", "key:k groupname id@<id|new_id!$> [MKSTREAM] [ENTRIESREAD=entries_read:i]"),
    ("xgroup|createconsumer", "key:k groupname consumername"),
    ("xgroup|delconsumer", "key:k groupname consumername"),
    ("xgroup|destroy", "key:k groupname"),
    ("xgroup|setid", "key:k groupname id@<id|new_id!$> [ENTRIESREAD=entries_read:i]"),
    ("xidmprecord", "key:k producer-id idempotent-id id"),
    ("xinfo|consumers", "key:k groupname"),
    ("xinfo|groups", "key:k"),
    ("xinfo|stream", "key:k [full@FULL=([COUNT=count:i])]"),
    ("xlen", "key:k"),
    (
        "xnack",
        "key:k group mode@<SILENT|FAIL|FATAL> ids@IDS=(numids:i id+) [RETRYCOUNT=count:i] [FORCE]",
    ),
    (
        "xpending",
        "key:k group [filters@([IDLE=min-idle-time:i^6.2.0] start end count:i [consumer])]",
    ),
    ("xrange", "key:k start end [COUNT=count:i]"),
    (
        "xread",
        "[COUNT=count:i] [MAXCOUNT=maxcount:i^8.10.0] [MAXSIZE=maxsize:i^8.10.0] [BLOCK=milliseconds:i] streams@STREAMS=(key:k+ id+)",
    ),
    (
        "xreadgroup",
        "group_consumer@GROUP=(group consumer) [COUNT=count:i] [MAXCOUNT=maxcount:i^8.10.0] [MAXSIZE=maxsize:i^8.10.0] [BLOCK=milliseconds:i] [CLAIM=min-idle-time:i^8.4.0] [NOACK] streams@STREAMS=(key:k+ id+)",
    ),
    ("xrevrange", "key:k end start [COUNT=count:i]"),
    (
        "xsetid",
        "key:k last-id [ENTRIESADDED=entries_added:i^7.0.0] [MAXDELETEDID=max_deleted_entry_id^7.0.0]",
    ),
    (
        "xtrim",
        "key:k trim@(strategy@<MAXLEN|MINID^6.2.0> [operator@<equal!=|approximately!~>] threshold [LIMIT=count:i^6.2.0]) [condition@<KEEPREF|DELREF|ACKED>^8.2.0]",
    ),
];
