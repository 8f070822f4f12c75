//! SORT and SORT_RO.

use engine::{Command, CommandError, Sort, SortPattern};

use super::args::is;
use super::{Arguments, Parsed, Request};

pub(crate) fn sort(args: Arguments<'_>) -> Parsed<'_> {
    parse(args, true)
}

pub(crate) fn sort_ro(args: Arguments<'_>) -> Parsed<'_> {
    parse(args, false)
}

fn parse(args: Arguments<'_>, may_store: bool) -> Parsed<'_> {
    let mut sort = Sort {
        key: args.at(1),
        by: None,
        limit: None,
        get: Vec::new(),
        is_descending: false,
        is_alpha: false,
        store: None,
    };
    let mut options = args.options(2);
    while let Some(word) = options.next() {
        let left = options.rest.len();
        if is(word, "asc") {
            sort.is_descending = false;
        } else if is(word, "desc") {
            sort.is_descending = true;
        } else if is(word, "alpha") {
            sort.is_alpha = true;
        } else if is(word, "limit") && 2 <= left {
            sort.limit = Some((options.integer()?, options.integer()?));
        } else if is(word, "store") && 1 <= left && may_store {
            sort.store = Some(options.value()?);
        } else if is(word, "by") && 1 <= left {
            sort.by = Some(SortPattern::of_by(options.value()?));
        } else if is(word, "get") && 1 <= left {
            sort.get.push(SortPattern::of_get(options.value()?));
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(Request::Engine(Command::Sort(sort)))
}
