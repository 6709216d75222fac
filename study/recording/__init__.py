"""What technologists do, as append-only events: tasks, leases, tokens for the agent, imports. Durations are computed elsewhere."""

from study.recording.events import Appended, NewEvent, append_events
from study.recording.leases import release_lease, renew_lease, take_lease
from study.recording.observations import end_observation, start_observation, undo_slip
from study.recording.tasks import (
    OpenTask,
    WorklistEntry,
    abort_task,
    finish_task,
    hand_over_task,
    open_task,
    plan_task,
    sweep_lost_tasks,
    undo_task,
    worklist,
)
from study.recording.tokens import issue_token, token_holder

__all__ = [
    "Appended",
    "NewEvent",
    "OpenTask",
    "WorklistEntry",
    "abort_task",
    "append_events",
    "end_observation",
    "finish_task",
    "hand_over_task",
    "issue_token",
    "open_task",
    "plan_task",
    "release_lease",
    "renew_lease",
    "start_observation",
    "sweep_lost_tasks",
    "take_lease",
    "token_holder",
    "undo_slip",
    "undo_task",
    "worklist",
]
