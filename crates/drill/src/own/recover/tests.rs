//! What a crash may leave, and what it may not.

use super::*;
use crate::id::Id;

fn add(number: u64) -> Request {
    Request::Add { stream: 0, number, length_max: None }
}

fn id(ms: u64) -> Id {
    Id { ms, seq: 0 }
}

/// The state after requests that were acknowledged, with their numbers as IDs.
fn state(requests: &[Request]) -> Model {
    let mut model = Model::new();
    for request in requests {
        let ids = match request {
            Request::Add { number, .. } | Request::Project { number, .. } => vec![id(*number)],
            Request::AddToBoth { number } => vec![id(*number); 2],
            _ => Vec::new(),
        };
        model.apply(request, Some(&ids));
    }
    model
}

fn observed(requests: &[Request]) -> Observed {
    Observed { state: state(requests), has_group: true }
}

/// How many of those in flight are stored, or what is broken.
fn check(
    acknowledged: &[Request],
    in_flight: &[Request],
    observed: &Observed,
    expected: Result<usize, &[Kind]>,
) {
    let acknowledged = state(acknowledged);
    let found = recover(&acknowledged, in_flight, observed).map(|(_, stored)| stored);
    match expected {
        Ok(stored) => assert_eq!(found, Some(stored)),
        Err(kinds) => {
            assert_eq!(found, None);
            let mut findings = Findings::default();
            diagnose("w", &acknowledged, in_flight, observed, &mut findings);
            let mut seen: Vec<_> = findings.words().iter().map(|finding| finding.kind).collect();
            seen.dedup();
            assert_eq!(seen, kinds, "{:?}", findings.words());
        }
    }
}

#[test]
fn in_flight_is_there_up_to_some_point_or_not_at_all() {
    let known = [add(1), add(2)];
    let in_flight = [add(3), Request::AddToBoth { number: 4 }, add(5)];
    for stored in 0..=3 {
        let there = [&known[..], &in_flight[..stored]].concat();
        check(&known, &in_flight, &observed(&there), Ok(stored));
    }
}

#[test]
fn an_acknowledged_write_is_never_gone() {
    let known = [add(1), Request::AddJob { number: 2 }, add(3)];
    let kinds = [Kind::Lost, Kind::IdWentBack];
    check(&known, &[], &observed(&known[..2]), Err(&kinds));
    check(&known, &[add(4)], &observed(&known[..2]), Err(&kinds));
    let without_job = [add(1), add(3)];
    check(&known, &[], &observed(&without_job), Err(&[Kind::Lost]));
    let without_group = Observed { has_group: false, ..observed(&known) };
    check(&known, &[], &without_group, Err(&[Kind::Lost]));
}

#[test]
fn a_deletion_is_never_undone_and_its_id_stays_taken() {
    let delete = Request::Delete { stream: 0, number: 2, id: id(2) };
    let known = [add(1), add(2), delete.clone()];
    check(&known, &[], &observed(&known), Ok(0));
    check(&known, &[], &observed(&known[..2]), Err(&[Kind::Lost]));
    check(&known, &[], &observed(&known[..1]), Err(&[Kind::IdWentBack]));
    check(&known[..2], &[delete], &observed(&known), Ok(1));
}

#[test]
fn twice_and_out_of_order() {
    let known = [add(1), add(2)];
    let mut twice = observed(&known);
    twice.state.plain[0].push(Entry { id: Some(id(3)), number: 2 });
    twice.state.tops[0].id = id(3);
    check(&known, &[], &twice, Err(&[Kind::Duplicated]));
    let mut turned = observed(&[add(1), add(2), add(3)]);
    turned.state.plain[0].swap(1, 2);
    check(&known[..1], &[add(2), add(3)], &turned, Err(&[Kind::Misordered]));
    // A later one in flight without the one before it.
    let gap = observed(&[add(1), add(3)]);
    check(&known[..1], &[add(2), add(3)], &gap, Err(&[Kind::Misordered]));
}

#[test]
fn half_a_transaction() {
    let both = Request::AddToBoth { number: 2 };
    let mut half = observed(&[add(1), both.clone()]);
    half.state.plain[1].clear();
    check(&[add(1)], &[both], &half, Err(&[Kind::Partial]));
    let known = [Request::AddJob { number: 1 }, Request::Read { consumer: "ann", count: 1 }];
    let project = Request::Project { job: 1, number: 2 };
    let mut half = observed(&[&known[..], std::slice::from_ref(&project)].concat());
    half.state.projected = 0;
    check(&known, &[project], &half, Err(&[Kind::Partial]));
}

#[test]
fn counts_and_positions_of_the_group_are_exact() {
    let known = [
        Request::AddJob { number: 1 },
        Request::AddJob { number: 2 },
        Request::Read { consumer: "ann", count: 1 },
        Request::ReadAgain { consumer: "ann" },
    ];
    let right = observed(&known);
    assert_eq!(right.state.pending[&1].deliveries, 2);
    check(&known, &[], &right, Ok(0));
    let mut wrong = right.clone();
    wrong.state.pending.get_mut(&1).expect("it is pending").deliveries = 1;
    check(&known, &[], &wrong, Err(&[Kind::StateDiffers]));
    let mut wrong = right.clone();
    wrong.state.pending.get_mut(&1).expect("it is pending").consumer = "bob".to_owned();
    check(&known, &[], &wrong, Err(&[Kind::StateDiffers]));
    let mut wrong = right;
    wrong.state.last_delivered = 2;
    check(&known, &[], &wrong, Err(&[Kind::StateDiffers]));
}

#[test]
fn deleted_jobs_are_claimed_by_nobody() {
    let known = [
        Request::AddJob { number: 1 },
        Request::AddJob { number: 2 },
        Request::Read { consumer: "ann", count: 2 },
        Request::DeleteJob { job: 1 },
        Request::ClaimOldest { consumer: "bob", count: 5 },
    ];
    let state = state(&known);
    assert_eq!(state.pending.keys().collect::<Vec<_>>(), [&2]);
    assert_eq!((state.pending[&2].consumer.as_str(), state.pending[&2].deliveries), ("bob", 2));
}
