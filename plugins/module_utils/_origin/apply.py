# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan on an origin so that the server is never left broken."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Callable

from . import restore, trust
from . import transaction as transactions
from .errors import OriginError, ProgramMissing, Refused
from .model import NOTHING, OFF, RELOAD, STAGES, Control, Driver, Options, Plan, Protection, Runner, kept
from .rules.ahead import planned
from .transaction import Transaction

#: How long to wait for another run, or for a timer that is taking a change back.
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """What a run did, or in check mode would do."""

    plan: Plan
    recovered: Sequence[str] = ()
    transaction: str = ""
    #: Files that weren't put back because somebody else had changed them: ``path`` and ``backup``.
    left: Sequence[Mapping[str, str]] = ()
    listeners: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """Whether anything on the origin differs from before."""
        return bool(self.plan.changes) or bool(self.recovered)

    def as_dict(self, diff: bool = False) -> dict[str, Any]:
        """The outcome as returned by the module, with the texts of whole files only if ``diff`` is asked for."""
        result: dict[str, Any] = {
            "changed": self.changed,
            "sites": [site.as_dict() for site in self.plan.sites],
            "listeners": list(self.listeners),
            "findings": [finding.as_dict() for finding in self.plan.findings],
            "reload": self.plan.activation if self.plan.changes else NOTHING,
            "recovered": list(self.recovered),
            "left": [dict(entry) for entry in self.left],
            "transaction": self.transaction,
        }
        if diff:
            # Site files are the user's and may hold secrets.
            result["diff"] = [
                {
                    "before_header": change.path,
                    "after_header": change.path,
                    "before": _text(change.before),
                    "after": _text(change.after),
                }
                for change in self.plan.changes
            ]
        return result


@dataclass(frozen=True)
class Reverted:
    """What became of a change that shall be taken back: ``reverted`` now, or one of the ends that it had before."""

    outcome: str
    left: Sequence[Mapping[str, str]] = ()
    transactions: Sequence[str] = ()


def apply(
    driver: Driver[Any],
    wanted: Sequence[Protection],
    options: Options,
    run: Runner,
    check_mode: bool = False,
    confirm_within: int = 0,
    root: str = transactions.STATE_DIRECTORY,
    paths: Mapping[str, str] | None = None,
) -> Outcome:
    """Bring the origin to what is wanted, or leave it as it was and raise :class:`OriginError`.

    ``confirm_within`` (seconds, 0 = off): the change is taken back by a timer on the origin unless
    :func:`confirm` is called in time. ``paths`` is what the driver was made with; who takes the change back needs it.
    """
    with _alone(root, f"a run for {driver.name}", check_mode):
        recovered, left = recover(driver, wanted, options, run, root, check_mode)
        discovery = driver.discover()
        stages = driver.stages(discovery)
        plan = planned(partial(driver.plan, discovery), wanted, options)
        errors = [*trust.untrusted(plan.sites, wanted), *plan.errors]
        if errors:
            raise Refused(errors)
        outcome = Outcome(plan, recovered, left=left, listeners=driver.listeners(discovery))
        if plan.changes:
            driver.validate(discovery, plan)
        if check_mode:
            return outcome
        if plan.changes:
            outcome = replace(outcome, transaction=_carry_out(driver, plan, stages, run, confirm_within, root, paths))
        listed = {entry.name for entry in wanted}
        if listed >= set(stages) and all(site.stage_after == OFF for site in plan.sites):
            transactions.clean_up(driver.name, root, no_trace=True)
        return outcome


def _carry_out(
    driver: Driver[Any],
    plan: Plan,
    stages: Mapping[str, str],
    run: Runner,
    confirm_within: int,
    root: str,
    paths: Mapping[str, str] | None,
) -> str:
    """Make the plan live; return the transaction that waits for its confirmation, or nothing."""
    undo = plan.undo or plan.control
    work = Transaction.begin(
        driver.name, plan.changes, undo, root, plan.own_directories, paths, stages=stages, confirm_within=confirm_within
    )
    activated = False
    try:
        # First: a run that is killed from here on leaves nothing that nobody takes back.
        if confirm_within:
            work.arm(confirm_within, run)
        work.write(plan.changes)
        driver.validate_live(plan.control)
        activated = True
        driver.activate(plan.activation, plan.control)
        if confirm_within:
            work.live()
        else:
            work.confirm(run)
    except BaseException as error:
        _take_back(driver, undo, work, activated, run, error)
        raise
    if confirm_within:
        return work.id
    work.discard()
    return ""


def confirm(identity: str, run: Runner, check_mode: bool = False, root: str = transactions.STATE_DIRECTORY) -> bool:
    """Keep the change of the transaction ``identity``; return whether that changed anything.

    Errors: there is no such change, or it was taken back.
    """
    with _alone(root, f"the confirmation of {identity}", check_mode):
        found = transactions.find(identity, root)
        work, state = found if found is not None else (None, "")
        if state == "confirmed":
            return False
        if work is None or state != "live":
            message, remedy = _NOT_CONFIRMED[state]
            left = [sentence(entry) for entry in work.left()] if work is not None else []
            words = ". ".join([message.format(identity or "(empty)"), *left])
            raise OriginError(words, remedy, transaction=identity)
        if not check_mode:
            work.confirm(run)
        return True


_AGAIN = "Look at why the confirmation was late, then run again."
#: Why a change in this state can't be confirmed, and what to do.
_NOT_CONFIRMED = {
    "": ("There is no change {} on this origin", "Give the transaction that this origin returned when it was changed."),
    "open": ("The change {} was left half done by a run that died", "Run again; the next run takes it back first."),
    "reverting": (
        "The change {} is being taken back: the server doesn't run on the old files yet",
        "Look at what prevents it; the next run tries again, and so does the timer.",
    ),
    "reverted": ("The change {} was taken back by another run", _AGAIN),
    "expired": ("The change {} was reverted by its timer: nobody confirmed it in time", _AGAIN),
}


def revert(
    make: Callable[[str, Mapping[str, str]], Driver[Any]],
    server: str,
    identity: str,
    run: Runner,
    check_mode: bool = False,
    root: str = transactions.STATE_DIRECTORY,
) -> Reverted:
    """Take the transaction ``identity`` back now, unless it's over; without one, whatever of ``server`` isn't over.

    ``make`` gets the driver for a server and the paths with which the change was made.
    """
    with _alone(root, f"the revert of {identity or f'what waits for {server}'}", check_mode):
        if identity:
            found = transactions.find(identity, root)
            if found is None:
                return Reverted("nothing")
            if found[1] not in restore.UNFINISHED:
                return Reverted("confirmed" if found[1] == "confirmed" else "already_reverted", found[0].left())
            work = [found[0]]
        else:
            work = [each for each, _state in transactions.pending(server, root)]
        left: list[Mapping[str, str]] = []
        for each in work if not check_mode else ():
            made_with = each.manifest()
            _restore(make(made_with["server"], made_with["paths"]), each, run)
            left += each.left()
            each.reverted(run)
        return Reverted("reverted" if work else "nothing", left, [each.id for each in work])


def recover(
    driver: Driver[Any], wanted: Sequence[Protection], options: Options, run: Runner, root: str, check_mode: bool
) -> tuple[list[str], list[Mapping[str, str]]]:
    """Take back what a run that died left half done, and what nobody will confirm any more.

    So is a change that waits for its confirmation, if nothing that is ``wanted`` is stricter than what was before it.
    Returns the changes, and the files of them that weren't put back. Errors: something would become stricter, or
    nothing is wanted at all.
    """
    taken_back: list[str] = []
    left: list[Mapping[str, str]] = []
    if not check_mode:
        transactions.clean_up(driver.name, root)
    for work, state in transactions.pending(driver.name, root):
        if state == "live" and _timer_runs(work, run):
            _need_way_back(driver, work, wanted, options)
        taken_back.append(work.id)
        if not check_mode:
            _restore(driver, work, run)
            left.extend(work.left())
            work.reverted(run)
            if state == "open" and not work.left():
                # Its run died, so nobody will ask for it.
                work.discard()
    return taken_back, left


def _need_way_back(driver: Driver[Any], work: Transaction, wanted: Sequence[Protection], options: Options) -> None:
    before = work.manifest()["stages"]
    now = driver.stages(driver.discover())
    stages = {entry.name: kept(entry, now.get(entry.name, OFF), options) for entry in wanted}
    stricter = [name for name in stages if STAGES.index(stages[name]) > STAGES.index(before.get(name, OFF))]
    if stricter or not stages:
        why = f", and this run would make {', '.join(stricter)} stricter than before it" if stricter else ""
        raise OriginError(
            f"The change {work.id} on this origin waits for its confirmation{why}",
            "Wait until its timer has reverted it, or end it with state=confirmed or state=reverted.",
            transaction=work.id,
        )


def pending(server: str, run: Runner, root: str = transactions.STATE_DIRECTORY) -> list[dict[str, Any]]:
    """The changes of ``server`` that aren't over: ``transaction``, ``state``, ``timer``, and ``until`` (epoch seconds).

    ``timer`` tells whether it will be taken back at ``until`` unless it's confirmed.
    """
    return [
        {
            "transaction": work.id,
            "state": state,
            "timer": _timer_runs(work, run),
            "until": work.manifest()["until"],
        }
        for work, state in transactions.pending(server, root)
    ]


def sentence(left: Mapping[str, str]) -> str:
    """What a person should know of a file that wasn't put back."""
    before = f"what was there before is in {left['backup']}" if left["backup"] else "before, it wasn't there"
    return f"{left['path']} was changed by somebody else meanwhile, so it wasn't put back; {before}."


_MEND = "Mend that on the origin, then run again."


@contextlib.contextmanager
def _alone(root: str, who: str, check_mode: bool) -> Iterator[None]:
    """Nobody else is at work meanwhile. What the operating system refuses becomes an :class:`OriginError`."""
    # Check mode leaves nothing behind. Without a lock, nobody is at work.
    lock = not check_mode or os.path.exists(os.path.join(root, restore.LOCK))
    try:
        with restore.alone(root, who, PATIENCE_SECONDS) if lock else contextlib.nullcontext():
            yield
    except restore.Busy as error:
        raise OriginError(
            f"Somebody else is at work on this origin: {error}", "Wait until that has ended, then run again."
        ) from None
    except OSError as error:
        denied = error.errno in (errno.EACCES, errno.EPERM) and os.geteuid() != 0
        remedy = "Let Ansible become root there: ansible_become: true in the inventory." if denied else _MEND
        raise OriginError(_words(error), remedy) from error


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _restore(driver: Driver[Any], work: Transaction, run: Runner) -> None:
    """Files first, then the server. If that fails, the timer and the next run try again."""
    work.revert()
    control = Control.of(work.manifest()["control"])
    try:
        driver.validate_live(control)
        driver.activate(RELOAD, control)
    except OriginError as error:
        problem = OriginError(
            f"The files of before {work.id} are back, but the server doesn't run on them yet: {error}",
            f"{error.remedy} Then run again; the timer of this change tries again, too.".strip(),
            **dict(error.details(), transaction=work.id),
        )
    else:
        return
    raise problem


def _take_back(
    driver: Driver[Any], undo: Control, work: Transaction, activated: bool, run: Runner, error: BaseException
) -> None:
    """Undo what was done until ``error``. Raises an error only if there's more to say than that one."""
    first = _words(error)
    details = error.details() if isinstance(error, OriginError) else {}
    left: list[dict[str, str]] = []
    so_far = "It can't be undone"
    try:
        if work.written:
            work.revert()
            left = work.left()
            so_far = "The old files are back, but the server doesn't accept them either"
            if activated:
                driver.validate_live(undo)
                driver.activate(RELOAD, undo)
    except (OriginError, OSError) as second:
        # The backup stays for the next run, and for the timer if there is one.
        raise OriginError(
            f"{first}. {so_far}: {_words(second)}.",
            f"Look at the server at once, then run again to finish taking {work.id} back.",
            **details,
        ) from error
    if not left:
        work.disarm(run)
        work.discard()
        return
    work.reverted(run)
    raise OriginError(
        " ".join([f"{first}.", *map(sentence, left)]), getattr(error, "remedy", "Run again."), **details
    ) from error


def _timer_runs(work: Transaction, run: Runner) -> bool:
    try:
        return run(("systemctl", "is-active", "--quiet", (transactions.UNIT % work.id) + ".timer"), {}).status == 0
    except ProgramMissing:
        return False


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8", "replace")
