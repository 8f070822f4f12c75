//! Connections, users and the server.

use super::{NOT_AN_INTEGER, SYNTAX, arity, check};

#[test]
fn users() {
    let form = |word| {
        format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try ACL HELP.")
    };
    let bits = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive \
                number up to 4096";
    check("acl", &arity("acl"));
    check("acl foo", "ERR unknown subcommand 'foo'. Try ACL HELP.");
    check("acl setuser", &arity("acl|setuser"));
    check("acl setuser a", "");
    check("acl deluser", &arity("acl|deluser"));
    check("acl getuser", &arity("acl|getuser"));
    check("acl getuser a b", &arity("acl|getuser"));
    check("acl whoami x", &arity("acl|whoami"));
    check("acl list x", &arity("acl|list"));
    check("acl dryrun a", &arity("acl|dryrun"));
    check("acl cat foo", "ERR Unknown category 'foo'");
    check("acl cat a b", &form("cat"));
    check("acl genpass 1 2", &form("genpass"));
    check("acl log 1 2", &form("log"));
    check("acl log x", NOT_AN_INTEGER);
    check("acl log -1", "");
    check("acl genpass 01", NOT_AN_INTEGER);
    for number in ["0", "-1", "4097", "9223372036854775807"] {
        check(&format!("acl genpass {number}"), bits);
    }
    check("acl genpass 9223372036854775808", NOT_AN_INTEGER);
    check("acl genpass 4096", "");
}

#[test]
fn connections_and_server() {
    check("hello a", "ERR Protocol version is not an integer or out of range");
    check("hello 1", "NOPROTO unsupported protocol version");
    check("hello 4", "NOPROTO unsupported protocol version");
    check("hello 2 foo", "ERR Syntax error in HELLO option 'foo'");
    check("hello 2 auth a", "ERR Syntax error in HELLO option 'auth'");
    let name = "ERR Client names cannot contain spaces, newlines or special characters.";
    check("hello 2 setname a_b", name);
    check("client setname a_b", name);
    check("client setname ''", "");
    check("auth a b c", SYNTAX);
    check("client kill type foo", "ERR Unknown client type 'foo'");
    check("client kill skipme maybe", SYNTAX);
    check("client kill id 5 foo", SYNTAX);
    check("client list type normal id 1", SYNTAX);
    check("client list id", SYNTAX);
    check("client list id x", "ERR Invalid client ID");
    check("client unblock 99 foo", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    check("client setinfo foo bar", "ERR Unrecognized option 'foo'");
    check(
        "client setinfo lib-name a_b",
        "ERR lib-name cannot contain spaces, newlines or special characters.",
    );
    check("config set a b c", SYNTAX);
    check("shutdown save nosave", SYNTAX);
    check("shutdown abort now", SYNTAX);
    check("shutdown abort abort", "");
    check("bgsave foo", SYNTAX);
    check("replicaof a b", "ERR Invalid master port");
    check("replicaof NO one", "");
    check("command list filterby foo x", SYNTAX);
    check("command getkeys xgroup help", "ERR The command has no key arguments");
    check("command getkeys set a", "ERR Invalid number of arguments specified for command");
    check("command getkeys foo a", "ERR Invalid command specified");
    check("command getkeys xread count 5 a b c", "ERR Invalid arguments specified for command");
}
