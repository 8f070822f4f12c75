"""RQ: queues, workers, dependencies, retries, schedules, results in streams, and a server that is killed
with jobs in the queue.

Usage: with_rq.py PORT [worker [burst | scheduler | low]]
"""

import logging
import sys
from datetime import timedelta
from importlib.metadata import version

import redis
import rq_jobs
from rq import Callback, Queue, Retry, SimpleWorker, Worker
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.results import Result

from scenario import HOST, PORT, URL, Child, finished, kill_and_restart_server, role, wait_until

QUEUES = ["high", "low"]


def connect():
    return redis.Redis(host=HOST, port=PORT)


def work():
    """A worker process; in burst mode it ends when the queues are empty."""
    logging.disable(logging.CRITICAL)
    print("ready", flush=True)
    queues = ["low"] if "low" in sys.argv else QUEUES
    worker = SimpleWorker(queues, connection=connect())
    worker.work(burst="burst" in sys.argv, with_scheduler="scheduler" in sys.argv)


def burst(r):
    logging.disable(logging.CRITICAL)
    SimpleWorker(QUEUES, connection=r).work(burst=True)


def results(r):
    high, low = (Queue(name, connection=r) for name in QUEUES)
    jobs = [low.enqueue(rq_jobs.add, n, 1) for n in range(20)]
    first = high.enqueue(rq_jobs.add, 1, 2, job_id="first", on_success=Callback(rq_jobs.succeeded))
    bad = high.enqueue(rq_jobs.fail, description="always fails")
    assert high.count == 2 and low.count == 20
    assert low.get_job_position(jobs[3]) == 3
    # RQ's own worker forks for each job.
    assert Worker(QUEUES, connection=r).work(burst=True, logging_level="CRITICAL", max_jobs=1)
    assert first.return_value(refresh=True) == 3
    burst(r)
    assert [job.return_value(refresh=True) for job in jobs] == [n + 1 for n in range(20)]
    assert r.lrange("rq:callbacks", 0, -1) == [b"first=3"]
    assert r.type("rq:results:first") == b"stream"
    assert jobs[0].latest_result().type is Result.Type.SUCCESSFUL
    assert bad.get_status() is JobStatus.FAILED
    assert "as it should" in bad.latest_result().exc_string
    assert bad.id in FailedJobRegistry(queue=high).get_job_ids()
    assert len(FinishedJobRegistry(queue=low)) == 20
    bad.requeue()
    assert high.get_job_ids() == [bad.id]
    high.empty()
    many = low.enqueue_many([Queue.prepare_data(rq_jobs.add, (n, n)) for n in range(10)])
    burst(r)
    fetched = Job.fetch_many([job.id for job in many], connection=r)
    assert [job.return_value() for job in fetched] == [2 * n for n in range(10)]


def dependencies_and_retries(r):
    high, low = (Queue(name, connection=r) for name in QUEUES)
    parts = [low.enqueue(rq_jobs.add, n, n) for n in range(4)]
    sum_of_all = high.enqueue(rq_jobs.total, depends_on=parts)
    assert sum_of_all.get_status() is JobStatus.DEFERRED
    stubborn = high.enqueue(rq_jobs.fail_twice, URL, "rq:tries", retry=Retry(max=3))
    burst(r)
    assert sum_of_all.return_value(refresh=True) == 12
    assert stubborn.return_value(refresh=True) == "at last"
    assert r.get("rq:tries") == b"3"
    # A unique job is refused a second time; a cancelled one does not run.
    cancelled = low.enqueue(rq_jobs.note, URL, "rq:never", 1)
    cancelled.cancel()
    burst(r)
    assert not r.exists("rq:never")


def scheduled(r):
    """The scheduler of a worker moves a job into its queue when its time has come."""
    queue = Queue("high", connection=r)
    job = queue.enqueue_in(timedelta(milliseconds=300), rq_jobs.add, 20, 22)
    assert job.get_status() is JobStatus.SCHEDULED
    with Child("worker", "scheduler") as worker:
        assert worker.line() == "ready"
        wait_until(lambda: job.return_value(refresh=True) == 42, "the scheduled job")
        assert len(Worker.all(connection=r)) >= 1
        # Blocking for a result is XREAD BLOCK on the stream of results.
        late = queue.enqueue(rq_jobs.add, 1, 1)
        result = late.latest_result(timeout=30)
        assert result.return_value == 2, result
        worker.stop()


def crashed_server(r):
    queue = Queue("low", connection=r)
    jobs = [queue.enqueue(rq_jobs.note, URL, "rq:notes", n) for n in range(60)]
    # Of one queue RQ takes jobs by LMOVE into its intermediate queue. Of several it takes them by BLPOP:
    # one that was taken when the worker or the server is killed is nowhere then.
    with Child("worker", "low") as worker:
        assert worker.line() == "ready"
        wait_until(lambda: r.llen("rq:notes") >= 5, "some jobs are done")
        kill_and_restart_server()
    r = connect()
    # Every job is in exactly one of the places where a job can be.
    queue = Queue("low", connection=r)
    burst(r)
    started = StartedJobRegistry(queue=queue)
    for job in jobs:
        status = job.get_status(refresh=True)
        if status is not JobStatus.FINISHED:
            # It was being worked on, or on its way there: RQ gives it up after its heartbeat, an
            # operator right now.
            held = started.get_job_ids(cleanup=False) + queue.intermediate_queue.get_job_ids()
            assert job.id in held or status is JobStatus.FAILED, status
            queue.enqueue_job(job)
    burst(r)
    assert [job.return_value(refresh=True) for job in jobs] == list(range(60))
    noted = {int(n) for n in r.lrange("rq:notes", 0, -1)}
    assert noted == set(range(60)), noted


def main():
    r = connect()
    r.flushall()
    results(r)
    dependencies_and_retries(r)
    scheduled(r)
    crashed_server(r)
    finished(f"RQ {version('rq')}")


if __name__ == "__main__":
    work() if role() else main()
