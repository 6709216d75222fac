"""The states of a task and what moves it from one to the next. A task without a finish is interrupted, never guessed."""

from study.errors import Forbidden

MOVES: dict[tuple[str, str], str] = {
    ("planned", "start"): "open",
    ("open", "pause"): "paused",
    ("open", "interruption"): "paused",
    ("paused", "resume"): "open",
    ("paused", "return"): "open",
    ("open", "lost"): "interrupted",
    ("paused", "lost"): "interrupted",
    ("interrupted", "resume"): "open",
    ("open", "finish"): "finished",
    ("paused", "finish"): "finished",
    ("open", "abort"): "aborted",
    ("paused", "abort"): "aborted",
    ("interrupted", "abort"): "aborted",
    ("planned", "abort"): "aborted",
    ("open", "undo"): "undone",
    ("paused", "undo"): "undone",
    ("interrupted", "undo"): "undone",
}
LIVE = frozenset({"open", "paused"})
STAYS = frozenset({"tool", "lap", "ai_wait", "ai_ready", "correction", "hand_over", "input", "hidden", "visible", "note"})
LATE = frozenset({"input", "hidden", "visible", "note", "tool", "lap"})  # may arrive after the end: kept back by a cut network
LAST_WORDS = frozenset({"input", "hidden", "visible"})  # of a tab that closed while another holds the lease
NEEDS_REASON = frozenset({"pause", "interruption", "abort", "undo"})


def next_state(state: str, kind: str) -> str:
    """The state after an event.

    Raises
    ------
    Forbidden
        When the event cannot happen in this state.

    Examples
    --------
    >>> next_state("open", "pause"), next_state("paused", "resume"), next_state("finished", "input")
    ('paused', 'open', 'finished')
    >>> next_state("finished", "pause")
    Traceback (most recent call last):
    study.errors.Forbidden: a task that is finished cannot take the event pause; it takes hidden, input, lap, note, tool, visible
    """
    if (state, kind) in MOVES:
        return MOVES[state, kind]
    if kind in STAYS and (state in LIVE or (kind in LATE and state in ("finished", "interrupted"))):
        return state
    possible = {move for at, move in MOVES if at == state} | (
        STAYS if state in LIVE else LATE if state in ("finished", "interrupted") else set()
    )
    raise Forbidden(f"a task that is {state} cannot take the event {kind}; it takes {', '.join(sorted(possible)) or 'none'}")
