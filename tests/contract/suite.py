# Copyright (c) 2026, originlock contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises. Each test gets a ``host`` of one kind of server with three plain sites, and ``clients``."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from typing import Any

from tests.origins.host import Host
from tests.origins.pki import Clients

APP, API, OPEN = "app.example.com", "api.example.com", "www.example.org"


def served(host: Host, clients: Clients, name: str = APP) -> tuple[bool, bool]:
    """Whether a client with the right certificate is served, and one without any."""
    return host.request(name, name, identity=clients.files["valid"]).served, host.request(name, name).served


EVERYBODY, ENFORCED = (True, True), (True, False)


def done(result: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in result, result
    return result


def stages(host: Host) -> dict[str, str]:
    return {site["hostname"]: site["stage_before"] for site in host.driver(what="inspect", hostnames=[])["sites"]}


def enforce_for_a_while(host: Host, clients: Clients, seconds: int = 600) -> str:
    """From log_only to enforce, with a timer; returns the change that waits."""
    done(host.apply([clients.wanted(APP, "log_only")]))
    transaction: str = done(host.apply([clients.wanted(APP, "enforce")], confirm_within=seconds))["transaction"]
    assert transaction
    assert served(host, clients) == ENFORCED
    return transaction


def pending(host: Host, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = host.driver(what="pending", **more)["pending"]
    return found


def test_all_the_way_and_back_to_the_byte(host: Host, clients: Clients) -> None:
    """Each step is predicted by check mode, which touches nothing, and done once."""
    before, last = host.tree(), "off"
    # On some servers it's a log that is there anyway.
    log = host.sh(f"ls {host.aop_log}", check=False)
    done(host.apply([clients.wanted(APP, "log_only")], check_mode=True))
    assert host.sh(f"ls {host.aop_log}", check=False) == log, "check mode makes no log"
    for stage in ("log_only", "enforce", "log_only", "off"):
        wanted = [clients.wanted(APP, stage), clients.wanted(API, stage)]
        tree, generation = host.tree(), host.generation()
        predicted = done(host.apply(wanted, check_mode=True))
        assert (host.tree(), host.generation()) == (tree, generation)
        assert host.sh(f"ls -d {host.temporary}/originlock-* 2>/dev/null", check=False) == ""
        result = done(host.apply(wanted))
        assert result["changed"] is predicted["changed"] is True
        for key in ("reload", "diff", "sites", "listeners"):
            assert result[key] == predicted[key], key
        host.sh(f"ls {' '.join(entry['after_header'] for entry in result['diff'] if entry['after'])}")
        assert {site["hostname"] for site in result["sites"]} == {APP, API}
        assert {(site["stage_before"], site["stage_after"]) for site in result["sites"]} == {(last, stage)}
        assert served(host, clients) == (ENFORCED if stage == "enforce" else EVERYBODY)
        assert served(host, clients, OPEN) == EVERYBODY
        assert stages(host) == ({} if stage == "off" else {APP: stage, API: stage})
        tree, generation = host.tree(), host.generation()
        again = done(host.apply(wanted))
        assert (again["changed"], again["reload"], again["diff"]) == (False, "none", [])
        assert (host.tree(), host.generation()) == (tree, generation)
        last = stage
    assert host.tree() == before
    for kind in ("foreign", "expired", "early", "server_only"):
        assert host.request(APP, APP, identity=clients.files[kind]).served


def test_hostnames_that_are_not_listed_stay(host: Host, clients: Clients) -> None:
    done(host.apply([clients.wanted(APP, "enforce")]))
    done(host.apply([clients.wanted(API, "log_only")]))
    assert stages(host) == {APP: "enforce", API: "log_only"}
    done(host.apply([clients.wanted(API, "off")]))
    assert stages(host) == {APP: "enforce"}
    assert served(host, clients) == ENFORCED
    assert served(host, clients, API) == EVERYBODY


def test_never_relax_keeps_enforce(host: Host, clients: Clients) -> None:
    done(host.apply([clients.wanted(APP, "enforce")]))
    kept = done(host.apply([clients.wanted(APP, "log_only")], never_relax=True))
    assert (kept["changed"], kept["sites"][0]["stage_after"]) == (False, "enforce")
    assert served(host, clients) == ENFORCED
    assert done(host.apply([clients.wanted(APP, "log_only")]))["changed"] is True
    assert served(host, clients) == EVERYBODY


def test_relax_only_makes_nothing_stricter(host: Host, clients: Clients) -> None:
    before = host.tree()
    wanted = [clients.wanted(APP, "log_only"), clients.wanted(API, "log_only")]
    done(host.apply([clients.wanted(APP, "enforce")]))
    result = done(host.apply(wanted, relax_only=True, never_relax=True))
    assert stages(host) == {APP: "log_only"}
    assert {site["hostname"]: site["stage_after"] for site in result["sites"]}[APP] == "log_only"
    assert done(host.apply(wanted, relax_only=True))["changed"] is False
    done(host.apply([clients.wanted(APP, "off")]))
    assert done(host.apply([clients.wanted(APP, "enforce")], relax_only=True))["changed"] is False
    assert host.tree() == before


def test_a_site_says_whom_it_trusts_and_keeps_the_ca_that_the_edge_needs(host: Host, clients: Clients) -> None:
    before = host.tree()
    trusted = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(clients.ca.pem)).hexdigest()]
    (site, *_more) = done(host.apply([clients.wanted(APP, "enforce")]))["sites"]
    assert (site["trusts_before"], site["trusts"]) == ([], trusted)
    assert {tuple(one["trusts"]) for one in host.driver(what="inspect", hostnames=[])["sites"]} == {tuple(trusted)}
    junk = dict(clients.wanted(APP, "log_only"), trust_bundle=clients.other_ca.pem, untrusted="it isn't signed by it")
    for options in ({}, {"never_relax": True}):
        error = host.apply([junk], **options)["error"]
        assert f"would no longer trust the CA {trusted[0]}" in error
        assert "without never_relax, trust_bundle and certificate" in error
    # The way back needs nothing but what is on the origin.
    result = done(host.apply([{"name": APP, "stage": "log_only"}]))
    assert {(one["stage_after"], tuple(one["trusts"])) for one in result["sites"]} == {("log_only", tuple(trusted))}
    assert served(host, clients) == EVERYBODY
    assert f"would no longer trust the CA {trusted[0]}" in host.apply([junk])["error"]
    assert "there is no trust bundle" in host.apply([{"name": API, "stage": "log_only"}])["error"]
    done(host.apply([clients.wanted(APP, "off")]))
    assert host.tree() == before


def test_what_is_refused_changes_nothing(host: Host, clients: Clients) -> None:
    before, generation = host.tree(), host.generation()
    result = host.apply([clients.wanted(APP, "enforce"), clients.wanted("nobody.example.com", "enforce")])
    assert result["error"].startswith("Refused, nothing was changed: nobody.example.com: ")
    (finding,) = result["details"]["findings"]
    assert (finding["severity"], finding["hostname"]) == ("error", "nobody.example.com")
    assert finding["code"]
    assert finding["remedy"]
    assert json.dumps(result)
    assert (host.tree(), host.generation()) == (before, generation)


def test_a_trust_bundle_that_is_none_never_gets_to_the_server(host: Host, clients: Clients) -> None:
    before, generation = host.tree(), host.generation()
    # The controller would have refused it, so nobody has told the names of its CAs.
    broken = dict(
        clients.wanted(APP, "enforce"), trust_bundle="-----BEGIN NONE-----\nAAAA\n-----END NONE-----\n", issuers=[]
    )
    for check_mode in (True, False):
        assert "nothing was changed" in host.apply([broken], check_mode=check_mode)["error"].lower()
    assert (host.tree(), host.generation()) == (before, generation)


def test_what_fails_is_taken_back_and_the_server_s_words_are_told(host: Host, clients: Clients) -> None:
    for name, fault in host.faults().items():
        host.reset()
        fault.arrange()
        before, generation = host.tree(), host.generation()
        for within in (0, 600):
            started = time.monotonic()
            error = host.apply([clients.wanted(APP, "log_only")], confirm_within=within).get("error", "")
            assert all(words in error for words in fault.words), (name, error)
            assert f"{host.temporary}/originlock" not in error, "files are told by their real names"
            assert host.sh(f"ls -d {host.temporary}/originlock-* 2>/dev/null", check=False) == ""
            assert host.tree() == before, name
            assert fault.live or host.generation() == generation, name
            assert time.monotonic() - started < 40
            assert served(host, clients) == EVERYBODY, name
            assert pending(host) == []


def test_a_run_that_is_killed_is_taken_back_by_the_next(host: Host, clients: Clients) -> None:
    before = host.tree()
    steps = done(host.apply([clients.wanted(APP, "enforce")]))["steps"]
    done(host.apply([clients.wanted(APP, "off")]))
    assert steps > 5
    for step in range(0, steps, host.stride):
        assert host.apply([clients.wanted(APP, "enforce")], die_at=step) == {"killed": True}, step
        left = [entry["state"] for entry in pending(host)]
        assert left in ([], ["open"]), step
        result = done(host.apply([clients.wanted(APP, "log_only")]))
        assert len(result["recovered"]) == len(left), step
        assert served(host, clients) == EVERYBODY, step
        done(host.apply([clients.wanted(APP, "off")]))
        assert host.tree() == before, step


def test_a_run_that_is_killed_is_taken_back_by_its_timer(host: Host, clients: Clients) -> None:
    before = host.configuration()
    steps = done(host.apply([clients.wanted(APP, "enforce")]))["steps"]
    done(host.apply([clients.wanted(APP, "off")]))
    # Three more come with the timer; then the last step is that it's noted as live.
    assert host.apply([clients.wanted(APP, "enforce")], confirm_within=host.soon, die_at=steps) == {"killed": True}
    assert host.configuration() != before
    (waiting,) = pending(host)
    assert (waiting["state"], waiting["timer"]) == ("open", True)
    host.wait_until(lambda: pending(host) == [], "the change is taken back")
    assert host.configuration() == before
    assert served(host, clients) == EVERYBODY


def test_nobody_confirms(host: Host, clients: Clients) -> None:
    pristine = host.tree()
    done(host.apply([clients.wanted(APP, "log_only")]))
    before = host.configuration()
    transaction = done(host.apply([clients.wanted(APP, "enforce")], confirm_within=host.soon))["transaction"]
    assert served(host, clients) == ENFORCED
    host.wait_until(lambda: served(host, clients) == EVERYBODY, "the change is taken back")
    host.wait_until(lambda: pending(host) == [], "that is noted")
    assert host.configuration() == before
    assert "reverted by its timer" in host.driver(what="confirm", id=transaction)["error"]
    assert host.driver(what="revert", id=transaction) == {"outcome": "already_reverted", "left": []}
    # No backup of a site file outlives its purpose, and off leaves no trace at all.
    assert host.sh(f"ls {host.state}/{transaction}").split() == ["state"]
    done(host.apply([clients.wanted(APP, "off")]))
    assert host.tree() == pristine


def test_a_change_that_is_confirmed_stays(host: Host, clients: Clients) -> None:
    transaction = enforce_for_a_while(host, clients)
    assert host.driver(what="confirm", id=transaction) == {"changed": True}
    assert host.driver(what="confirm", id=transaction) == {"changed": False}
    assert host.driver(what="revert", id=transaction) == {"outcome": "confirmed", "left": []}
    assert pending(host) == []
    assert served(host, clients) == ENFORCED
    assert "There is no change" in host.driver(what="confirm", id=f"{host.server}-20260101T000000-aaaaaa")["error"]


def test_what_waits_can_be_asked_for_and_taken_back_without_its_name(host: Host, clients: Clients) -> None:
    pristine = host.tree()
    for by_name in (True, False):
        transaction = enforce_for_a_while(host, clients)
        now = float(host.sh("date +%s"))
        (waiting,) = pending(host)
        assert (waiting["transaction"], waiting["state"], waiting["timer"]) == (transaction, "live", True)
        assert now + 500 < waiting["until"] <= now + 601
        assert host.driver(what="revert", id=transaction if by_name else "") == {"outcome": "reverted", "left": []}
        assert pending(host) == []
        timer = f"originlock-aop-revert-{transaction}.timer"
        assert "0" not in host.sh(f"systemctl is-active --quiet {timer}; echo $?").split()
        assert served(host, clients) == EVERYBODY
        assert stages(host) == {APP: "log_only"}
        assert "taken back by another run" in host.driver(what="confirm", id=transaction)["error"]
    assert host.driver(what="revert", id="") == {"outcome": "nothing", "left": []}
    done(host.apply([clients.wanted(APP, "off")]))
    assert host.tree() == pristine


def test_the_way_back_is_open_while_a_timer_runs(host: Host, clients: Clients) -> None:
    pristine = host.tree()
    for wanted, options, after in (
        ("log_only", {}, {APP: "log_only"}),
        ("log_only", {"relax_only": True}, {APP: "log_only"}),
        ("off", {}, {}),
    ):
        transaction = enforce_for_a_while(host, clients)
        tree = host.configuration()
        # What would be stricter than before the change that waits is refused, kept stages included.
        for stage, more in (("enforce", {}), ("log_only", {"never_relax": True})):
            refused = host.apply([clients.wanted(APP, stage)], **more)
            assert f"The change {transaction} on this origin waits for its confirmation" in refused["error"]
            assert f"this run would make {APP} stricter" in refused["error"]
            assert refused["details"]["transaction"] == transaction
        assert host.apply([clients.wanted(API, "log_only")])["error"].startswith(f"The change {transaction}")
        assert host.configuration() == tree
        result = done(host.apply([clients.wanted(APP, wanted)], **options))
        assert result["recovered"] == [transaction]
        assert (stages(host), pending(host)) == (after, [])
        assert served(host, clients) == EVERYBODY
        done(host.apply([clients.wanted(APP, "off")]))
        assert host.tree() == pristine


def test_an_edit_of_the_site_survives_the_timer(host: Host, clients: Clients) -> None:
    """Our lines in it go, so that the server accepts what is left."""
    (site, *_more) = host.driver(what="inspect", hostnames=[APP])["sites"]
    file = host.sh(f"realpath {site['file']}").strip()
    before = host.read(file)
    result = done(host.apply([clients.wanted(APP, "enforce")], confirm_within=host.soon))
    assert host.read(file) != before
    host.sh(f"echo '# a note of mine' >> {file}")
    host.wait_until(lambda: served(host, clients) == EVERYBODY, "the change is taken back")
    host.wait_until(lambda: pending(host) == [], "that is noted")
    assert host.read(file) == before + "# a note of mine\n"
    assert f"{file} was changed by somebody else" in host.driver(what="confirm", id=result["transaction"])["error"]
    (left,) = host.driver(what="revert", id=result["transaction"])["left"]
    assert left["path"] == file
    assert host.read(left["backup"]) == before


def test_one_at_a_time(host: Host, clients: Clients) -> None:
    lock = f"{host.state}/lock"
    pid = host.sh(
        f"mkdir -p {host.state}; echo -n 'a test (process 1)' > {lock}; "
        f"(exec 9>> {lock}; flock 9; exec sleep 60) > /dev/null 2>&1 < /dev/null & echo $!; sleep 0.2"
    ).strip()
    work = {"what": "apply", "wanted": [host.complete(clients.wanted(APP, "log_only"))], "options": {}}
    result = host.driver(**work, check_mode=False, confirm_within=0, patience=1)
    assert result["error"] == "Somebody else is at work on this origin: a test (process 1)"
    host.sh(f"kill {pid}")
    done(host.apply([clients.wanted(APP, "log_only")]))


def test_another_server_on_the_machine_has_changes_of_its_own(host: Host, clients: Clients) -> None:
    before, file = host.configuration(), f"{host.state}.other"
    host.sh(f"printf old > {file}")
    begun = host.driver(what="begin", other="other", file=file)["id"]
    assert [entry["transaction"] for entry in pending(host, other="other")] == [begun]
    assert pending(host) == []
    for stage in ("log_only", "off"):
        assert done(host.apply([clients.wanted(APP, stage)]))["recovered"] == []
    assert host.driver(what="revert", id="")["outcome"] == "nothing"
    assert (host.read(file), host.configuration()) == ("new", before)
    assert [entry["transaction"] for entry in pending(host, other="other")] == [begun]
    host.sh(f"rm -r {file} {host.state}")


#: What a test module takes: ``globals().update(PROMISES)``.
PROMISES = {name: value for name, value in sorted(globals().items()) if name.startswith("test_")}
