"""The generate worker's way of working: pictures of many requests, denoised together a step at a time.

Between two steps jobs are claimed in turn and their pictures join, and those that are drawn, cancelled or lost leave.
Pictures that the U-Net's shape keeps apart are denoised in turn, a step each, so that none waits behind another.
"""

import logging
import time
from collections.abc import Callable, Collection, Sequence

from sqlalchemy.orm import Session

from sepme_core.drawing.batch import Batch, Row, Shape, largest_size, shape_of
from sepme_core.drawing.memory import free_and_total, is_out_of_memory, release
from sepme_core.drawing.request import Picture
from sepme_core.registry import jobs
from sepme_core.registry.database import writing
from worker import ending, generate, problems
from worker.beginning import say_begin
from worker.generate import Drawing
from worker.lease import Cancelled, Interrupted, Lease, LeaseLost, about
from worker.process import WorkerProcess
from worker.trouble import is_trouble, said

LOOK_SECONDS = 0.05
"""So long the queue is left alone once nothing was found in it."""
LOOK_AFTER_SECONDS = 0.5
TELL_SECONDS = 1.0
"""How often it is seen which are not wanted any more, and how often all say how far they are: that takes longer."""
logger = logging.getLogger(__name__)


class RunningBatch:
    """Draws what it is given, and what it claims meanwhile, until nothing is left.

    Args:
        worker: whose model draws.
        claim_next: gives the next job of the queue, claimed; None where none waits.
    """

    def __init__(self, worker: WorkerProcess, claim_next: Callable[[], jobs.Claim | None]) -> None:
        self._worker = worker
        self._claim_next = claim_next
        self._drawings: list[Drawing] = []  # in the order in which they were claimed
        self._batches: dict[Shape, Batch] = {}  # the first is the next in turn
        self._joined: dict[Row, Drawing] = {}  # what is in them
        self._looked = self._looked_after = self._told = float("-inf")
        self._pause_seconds: float | None = None  # once what the work stands on fails

    def run(self, claim: jobs.Claim) -> None:
        """Draw this job, and whatever joins it."""
        try:
            self._take(claim)
            while self._drawings:
                self._join()
                self._step()
                self._report()
                self._finish()
                self._claim_more()
        finally:  # what is left where this fails is another attempt's, once the lease is over
            for drawing in self._drawings:
                drawing.lease.end()
        if self._pause_seconds is not None:
            ending.pause(self._worker, self._pause_seconds)

    def _claim_more(self) -> None:
        """Claim what there is room for, but not more than double what is under way: other workers may be idle."""
        worker = self._worker
        nothing_found = time.monotonic() - self._looked < LOOK_SECONDS
        if (
            worker.drain.begun
            or self._pause_seconds is not None
            or nothing_found
            or any(each.alone for each in self._drawings)
        ):
            return
        for _ in range(max(len(self._drawings), 1)):
            waiting = [row for drawing in self._drawings for row in drawing.waiting]
            if not self._fits(1, worker.base.picture_side**2, [*self._joined, *waiting]):
                return
            claim = self._claim_next()
            if claim is None:
                self._looked = time.monotonic()
                return
            self._take(claim)
            if self._drawings and self._drawings[-1].alone:
                return

    def _take(self, claim: jobs.Claim) -> None:
        lease = self._worker.hold(claim)
        with about(claim):
            say_begin(self._worker, claim)
            lease.begin()
            try:
                self._drawings.append(generate.prepare(self._worker, lease))
            except Exception as error:  # noqa: BLE001  (whatever it is, the job's row says so)
                self._end(lease, error)

    def _join(self) -> None:
        """Let rows in, in the order of their jobs: none overtakes another that waits for room."""
        for drawing in self._drawings:
            while drawing.waiting:
                rows = list(drawing.waiting) if drawing.request.batches else [drawing.waiting[0]]
                if not self._has_room_for(drawing, rows):
                    return
                for row in rows:
                    self._batch_of(row).rows.append(row)
                    self._joined[row] = drawing
                    drawing.waiting.remove(row)

    def _batch_of(self, row: Row) -> Batch:
        shape = shape_of(row)
        if shape not in self._batches:
            self._batches[shape] = Batch(self._worker.base, largest_size(self._worker.settings.batch_pictures))
        return self._batches[shape]

    def _has_room_for(self, drawing: Drawing, rows: Sequence[Row]) -> bool:
        if not self._joined:
            return True
        if drawing.alone or any(each.alone for each in self._joined.values()):
            return all(each is drawing for each in self._joined.values())
        pictures = max([len(rows), *(span["size"] for span in drawing.request.batches)])
        return self._fits(pictures, drawing.request.width * drawing.request.height, self._joined)

    def _fits(self, pictures: int, pixels: int, beside: Collection[Row]) -> bool:
        """Whether so many pictures, of so many pixels each, fit beside rows."""
        settings = self._worker.settings
        taken = sum(row.request.width * row.request.height for row in beside)
        return len(beside) + pictures <= settings.batch_pictures and taken + pictures * pixels <= settings.batch_pixels

    def _step(self) -> None:
        """Take one step with the batch whose turn it is."""
        for drawing in list(self._drawings):
            try:
                drawing.lease.check()
            except Interrupted as interrupted:
                self._leave(drawing, interrupted)
        self._batches = {shape: batch for shape, batch in self._batches.items() if batch.rows}
        if not self._batches:
            return
        shape = next(iter(self._batches))
        batch = self._batches.pop(shape)
        self._batches[shape] = batch
        for failed in batch.step():
            if failed.row in self._joined:  # else it left already, where another of its pictures failed
                drawing = self._joined[failed.row]
                self._leave(drawing, self._explained(failed.error, drawing))

    def _report(self) -> None:
        """See at times which are to end, and say how far the others are: all in one transaction.

        How those that are drawn ended is said as they are published.
        """
        now = time.monotonic()
        if now - self._looked_after < LOOK_AFTER_SECONDS:
            return
        self._looked_after = now
        telling = list(self._drawings) if now - self._told >= TELL_SECONDS else []
        try:
            with writing(self._worker.engine) as session:
                ending = _interrupted(session, self._drawings)
                for drawing in sorted(telling, key=lambda each: each.lease.claim.job_id):
                    if drawing not in ending:
                        drawing.lease.report(session, *drawing.progress)
        except Exception as error:
            if not is_trouble(error):
                raise
            logger.warning("How far the pictures are could not be told, and is told later: %s", said(error))
            return
        if telling:
            self._told = now
        for drawing, interrupted in ending.items():
            self._leave(drawing, interrupted)

    def _finish(self) -> None:
        """Decode what is drawn; publish what is complete."""
        for batch in self._batches.values():
            batch.rows = [row for row in batch.rows if not row.drawn]
        for row in [row for row in self._joined if row.drawn]:
            if row in self._joined:  # else it left, where another of its pictures failed
                self._finish_one(row, self._joined.pop(row))

    def _finish_one(self, row: Row, drawing: Drawing) -> None:
        try:
            drawing.pictures[row.place] = self._decoded(row)
            if drawing.complete:
                with about(drawing.lease.claim):
                    generate.publish(self._worker, drawing)
                self._leave(drawing)
        except Exception as error:  # noqa: BLE001  (whatever it is, the job's row says so)
            self._leave(drawing, self._explained(error, drawing))

    def _decoded(self, row: Row) -> Picture:
        try:
            return row.picture(self._worker.base)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        release(self._worker.base.device)
        return row.picture(self._worker.base)

    def _explained(self, error: Exception, drawing: Drawing) -> Exception:
        """Want of memory, by which one picture alone failed, with its numbers."""
        if not is_out_of_memory(error):
            return error
        device, request = self._worker.base.device, drawing.request
        free, total = free_and_total(device)
        return problems.Refused(problems.of_want_of_memory(request.width, request.height, device.type, free, total))

    def _leave(self, drawing: Drawing, error: Exception | None = None) -> None:
        self._drawings.remove(drawing)
        self._joined = {row: each for row, each in self._joined.items() if each is not drawing}
        for batch in self._batches.values():
            batch.rows = [row for row in batch.rows if row in self._joined]
        self._looked = float("-inf")  # there is room again
        self._end(drawing.lease, error)

    def _end(self, lease: Lease, error: Exception | None) -> None:
        try:
            with about(lease.claim):
                seconds = ending.end(self._worker, lease.claim, error)
        finally:
            lease.end()
        if seconds is not None:
            self._pause_seconds = max(self._pause_seconds or 0.0, seconds)


def _interrupted(session: Session, drawings: Sequence[Drawing]) -> dict[Drawing, LeaseLost | Cancelled]:
    """Those that are to end now, and why."""
    lost, cancelled = jobs.interrupted(session, [each.lease.claim for each in drawings])
    ending: dict[Drawing, LeaseLost | Cancelled] = {}
    for drawing in drawings:
        if drawing.lease.claim.job_id in lost:
            ending[drawing] = drawing.lease.lose()
        elif drawing.lease.claim.job_id in cancelled:
            ending[drawing] = Cancelled()
    return ending
