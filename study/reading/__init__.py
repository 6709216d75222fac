"""What readers do: a blinded queue, drafts, signed submissions, amendments that keep the first value, adjudication.

Nothing here hands out an arm, a task, a run or a technologist: readers see a number, an image set's neutral id, a form.
"""

from study.reading.adjudication import Disagreement, SideBySide, disagreements, open_adjudication, side_by_side
from study.reading.answers import Answer, Answers
from study.reading.assignments import assign_readings
from study.reading.calibration import Feedback, calibration_feedback
from study.reading.queue import Queue, QueueEntry, reading_queue
from study.reading.ratings import amend_rating, submit_reading
from study.reading.sittings import ReadingView, StaleDraft, append_reading_events, open_reading, report_problem, save_draft

__all__ = [
    "Answer",
    "Answers",
    "Disagreement",
    "Feedback",
    "Queue",
    "QueueEntry",
    "ReadingView",
    "SideBySide",
    "StaleDraft",
    "amend_rating",
    "append_reading_events",
    "assign_readings",
    "calibration_feedback",
    "disagreements",
    "open_adjudication",
    "open_reading",
    "reading_queue",
    "report_problem",
    "save_draft",
    "side_by_side",
    "submit_reading",
]
