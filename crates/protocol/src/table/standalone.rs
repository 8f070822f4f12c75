//! Clusters, replication and modules: commands that tools send to find out that there are none.

use super::Group::{Cluster, Server};
use super::{
    ADMIN, ALLOW_BUSY, CONNECTION, CommandSpec, FAST, LOADING, NO_ASYNC_LOADING, NO_KEYS, NO_MULTI,
    NONE, NOSCRIPT, STALE, container, spec,
};
use crate::command::standalone;

pub(super) static COMMANDS: &[CommandSpec] = &[
    spec("asking", 1, FAST, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Asks a node for a hash slot that is on its way to it.")
        .also(CONNECTION),
    spec("cluster", -2, NONE, NO_KEYS, container)
        .about(Cluster, "3.0.0", "Depends on the subcommand.", "Commands about a cluster.")
        .with(CLUSTER),
    spec("failover", -1, ADMIN | NOSCRIPT | STALE, NO_KEYS, standalone::failover).about(
        Server,
        "6.2.0",
        "O(1)",
        "Hands over to a replica.",
    ),
    spec("module", -2, NONE, NO_KEYS, container)
        .about(Server, "4.0.0", "Depends on the subcommand.", "Commands about modules.")
        .with(MODULE),
    spec("psync", -3, REPLICATION | NO_ASYNC_LOADING | NO_MULTI, NO_KEYS, standalone::no_replicas)
        .about(Server, "2.8.0", "O(1)", "Begins replication."),
    spec("readonly", 1, LOADING | STALE | FAST, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Reads from a replica of a cluster.")
        .also(CONNECTION),
    spec("readwrite", 1, LOADING | STALE | FAST, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Reads from the master again.")
        .also(CONNECTION),
    spec(
        "replconf",
        -1,
        REPLICATION | LOADING | STALE | ALLOW_BUSY,
        NO_KEYS,
        standalone::no_replicas,
    )
    .about(Server, "3.0.0", "O(1)", "Configures replication."),
    spec("sync", 1, REPLICATION | NO_ASYNC_LOADING | NO_MULTI, NO_KEYS, standalone::no_replicas)
        .about(Server, "1.0.0", "O(1)", "Begins replication."),
];

const REPLICATION: u32 = ADMIN | NOSCRIPT;

static CLUSTER: &[CommandSpec] = &[
    spec("cluster|addslots", -3, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Assigns hash slots."),
    spec(
        "cluster|addslotsrange",
        -4,
        ADMIN | STALE | NO_ASYNC_LOADING,
        NO_KEYS,
        standalone::no_cluster,
    )
    .about(Cluster, "7.0.0", "O(1)", "Assigns ranges of hash slots."),
    spec("cluster|bumpepoch", 2, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Advances the epoch."),
    spec("cluster|count-failure-reports", 3, ADMIN | STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "How many nodes report a node as failing.",
    ),
    spec("cluster|countkeysinslot", 3, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "How many keys a hash slot holds.",
    ),
    spec("cluster|delslots", -3, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Takes hash slots back."),
    spec(
        "cluster|delslotsrange",
        -4,
        ADMIN | STALE | NO_ASYNC_LOADING,
        NO_KEYS,
        standalone::no_cluster,
    )
    .about(Cluster, "7.0.0", "O(1)", "Takes ranges of hash slots back."),
    spec("cluster|failover", -2, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Makes a replica the master."),
    spec(
        "cluster|flushslots",
        2,
        ADMIN | STALE | NO_ASYNC_LOADING,
        NO_KEYS,
        standalone::no_cluster,
    )
    .about(Cluster, "3.0.0", "O(1)", "Takes all hash slots back."),
    spec("cluster|forget", 3, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Removes a node."),
    spec("cluster|getkeysinslot", 4, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "Names of keys in a hash slot.",
    ),
    spec("cluster|help", 2, LOADING | STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "5.0.0",
        "O(1)",
        "Describes the subcommands.",
    ),
    spec("cluster|info", 2, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "The state of the node.",
    ),
    spec("cluster|keyslot", 3, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "The hash slot of a key.",
    ),
    spec("cluster|links", 2, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "7.0.0",
        "O(1)",
        "The connections between nodes.",
    ),
    spec("cluster|meet", -4, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Makes two nodes acquainted."),
    spec("cluster|myid", 2, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "The ID of the node.",
    ),
    spec("cluster|nodes", 2, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "The configuration of the cluster.",
    ),
    spec("cluster|replicas", 3, ADMIN | STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "5.0.0",
        "O(1)",
        "The replicas of a master.",
    ),
    spec("cluster|replicate", 3, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Makes the node a replica."),
    spec("cluster|reset", -2, ADMIN | NOSCRIPT | STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "Resets the node.",
    ),
    spec(
        "cluster|saveconfig",
        2,
        ADMIN | STALE | NO_ASYNC_LOADING,
        NO_KEYS,
        standalone::no_cluster,
    )
    .about(Cluster, "3.0.0", "O(1)", "Saves the configuration of the node."),
    spec(
        "cluster|set-config-epoch",
        3,
        ADMIN | STALE | NO_ASYNC_LOADING,
        NO_KEYS,
        standalone::no_cluster,
    )
    .about(Cluster, "3.0.0", "O(1)", "Sets the epoch of a new node."),
    spec("cluster|setslot", -4, ADMIN | STALE | NO_ASYNC_LOADING, NO_KEYS, standalone::no_cluster)
        .about(Cluster, "3.0.0", "O(1)", "Binds a hash slot to a node."),
    spec("cluster|shards", 2, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "7.0.0",
        "O(1)",
        "Which shards hold which hash slots.",
    ),
    spec("cluster|slaves", 3, ADMIN | STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "The replicas of a master.",
    ),
    spec("cluster|slots", 2, STALE, NO_KEYS, standalone::no_cluster).about(
        Cluster,
        "3.0.0",
        "O(1)",
        "Which nodes hold which hash slots.",
    ),
];

const LOAD: u32 = ADMIN | NOSCRIPT | NO_ASYNC_LOADING;

static MODULE: &[CommandSpec] = &[
    spec("module|help", 2, LOADING | STALE, NO_KEYS, standalone::module_help).about(
        Server,
        "5.0.0",
        "O(1)",
        "Describes the subcommands.",
    ),
    spec("module|list", 2, ADMIN | NOSCRIPT, NO_KEYS, standalone::module_list).about(
        Server,
        "4.0.0",
        "O(1)",
        "The loaded modules.",
    ),
    spec("module|load", -3, LOAD, NO_KEYS, standalone::no_modules).about(
        Server,
        "4.0.0",
        "O(1)",
        "Loads a module.",
    ),
    spec("module|loadex", -3, LOAD, NO_KEYS, standalone::no_modules).about(
        Server,
        "7.0.0",
        "O(1)",
        "Loads a module with its configuration.",
    ),
    spec("module|unload", 3, LOAD, NO_KEYS, standalone::no_modules).about(
        Server,
        "4.0.0",
        "O(1)",
        "Unloads a module.",
    ),
];
