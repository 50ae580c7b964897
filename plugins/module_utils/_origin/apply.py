# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan on an origin so that the server is never left broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import transaction as transactions
from .errors import OriginError, Refused
from .model import NOTHING, RELOAD, Driver, Options, Plan, Protection, Runner
from .transaction import Transaction


@dataclass(frozen=True)
class Outcome:
    """What a run did, or in check mode would do."""

    plan: Plan
    recovered: Sequence[str] = ()
    transaction: str = ""

    @property
    def changed(self) -> bool:
        """Whether anything on the origin differs from before."""
        return bool(self.plan.changes) or bool(self.recovered)

    def as_dict(self) -> dict[str, Any]:
        """The outcome as returned by the module."""
        return {
            "changed": self.changed,
            "diff": [
                {
                    "before_header": change.path,
                    "after_header": change.path,
                    "before": _text(change.before),
                    "after": _text(change.after),
                }
                for change in self.plan.changes
            ],
            "sites": [site.as_dict() for site in self.plan.sites],
            "findings": [finding.as_dict() for finding in self.plan.findings],
            "reload": self.plan.activation if self.plan.changes else NOTHING,
            "recovered": list(self.recovered),
            "transaction": self.transaction,
        }


def apply(
    driver: Driver,
    wanted: Sequence[Protection],
    options: Options,
    run: Runner,
    check_mode: bool = False,
    confirm_within: int = 0,
    root: str = transactions.STATE_DIRECTORY,
) -> Outcome:
    """Bring the origin to what is wanted, or leave it as it was and raise :class:`OriginError`.

    ``confirm_within`` (seconds, 0 = off): the change is taken back by a timer on the origin unless
    :func:`confirm` is called in time.
    """
    recovered = recover(driver, run, root, check_mode)
    discovery = driver.discover()
    plan = driver.plan(discovery, wanted, options)
    if plan.errors:
        raise Refused(plan.errors)
    if not plan.changes:
        return Outcome(plan, recovered)
    driver.validate(discovery, plan)
    if check_mode:
        return Outcome(plan, recovered)
    work = Transaction.begin(driver.name, plan.changes, driver.commands(), root, plan.own_directories)
    activated = False
    try:
        work.write(plan.changes)
        driver.validate_live()
        if confirm_within:
            work.arm(confirm_within, run)
        activated = True
        driver.activate(plan.activation)
    except BaseException as error:
        _take_back(driver, work, activated, run, error)
        raise
    if confirm_within:
        return Outcome(plan, recovered, work.id)
    work.confirm(run)
    return Outcome(plan, recovered)


def confirm(identity: str, run: Runner, check_mode: bool = False, root: str = transactions.STATE_DIRECTORY) -> bool:
    """Keep the change of the transaction ``identity``; return whether that changed anything."""
    found = _find(identity, root)
    if found is None:
        return False
    if not check_mode:
        found.confirm(run)
    return True


def revert(
    driver: Driver, identity: str, run: Runner, check_mode: bool = False, root: str = transactions.STATE_DIRECTORY
) -> bool:
    """Take the transaction ``identity`` back now; return whether that changed anything."""
    found = _find(identity, root)
    if found is None:
        return False
    if not check_mode:
        _restore(driver, found, run)
    return True


def recover(driver: Driver, run: Runner, root: str, check_mode: bool) -> list[str]:
    """Take back what a run that died left half done, and what nobody will confirm any more."""
    taken_back = []
    if not check_mode:
        transactions.clean_up(driver.name, root)
    for work, state in transactions.pending(driver.name, root):
        if state == "live" and _timer_runs(work, run):
            raise OriginError(
                f"The change {work.id} on this origin waits for its confirmation",
                "Wait until its timer has reverted it, or end it with state=confirmed or state=reverted.",
                transaction=work.id,
            )
        taken_back.append(work.id)
        if not check_mode:
            _restore(driver, work, run)
    return taken_back


def _find(identity: str, root: str) -> Transaction | None:
    found = transactions.find(identity, root)
    if found is None:
        return None
    work, state = found
    if state == "reverted":
        raise OriginError(
            f"The change {identity} was reverted by its timer: nobody confirmed it in time",
            "Look at why the confirmation was late, then run again.",
            transaction=identity,
        )
    return work


def _restore(driver: Driver, work: Transaction, run: Runner) -> None:
    work.disarm(run)
    work.revert()
    driver.validate_live()
    driver.activate(RELOAD)
    work.discard()


def _take_back(driver: Driver, work: Transaction, activated: bool, run: Runner, error: BaseException) -> None:
    work.disarm(run)
    work.revert()
    # Nothing is left to be taken back, whatever the server says to the old files.
    work.discard()
    if activated:
        try:
            driver.validate_live()
            driver.activate(RELOAD)
        except OriginError as second:
            raise OriginError(
                f"{error}. The old files are back, but the server doesn't accept them either: {second}",
                "Look at the server at once.",
            ) from error


def _timer_runs(work: Transaction, run: Runner) -> bool:
    unit = transactions.UNIT % work.id
    return run(("systemctl", "is-active", "--quiet", unit + ".timer"), {}).status == 0


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8", "replace")
