"""Runs a request on a service: a single operation or a batch, each change set in one transaction."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from dev.sap.s4.gateway import multipart
from dev.sap.s4.gateway.answers import Answer, Call, error_answer
from dev.sap.s4.gateway.operations import CHANGING, Operations
from dev.sap.s4.gateway.session import READING
from dev.sap.s4.model.errors import Refused, refused
from dev.sap.s4.rules.stamps import Event

_REFERENCE = re.compile(r"\$([\w.-]+)(?=/|$)")


@dataclass(slots=True)
class Runner:
    """Runs calls with one user's operations.

    `publish` takes the events of what was committed; `intercept` may answer an operation of a batch instead of the
    service (a fault switch).
    """

    operations: Operations
    publish: Callable[[list[Event]], None]
    intercept: Callable[[Call], Answer | None]
    log: list[dict[str, object]] = field(default_factory=list)

    def single(self, call: Call) -> Answer:
        """Answer a call that stands alone."""
        try:
            if call.method in READING:
                return self.operations.read(call)
            if call.method not in CHANGING:
                raise refused("/IWFND/CM_MGW/055", call.method, call.path, status=405)
            return self._together([call])[0]
        except Refused as refusal:
            return error_answer(refusal, self.operations.service, call)

    def batch(self, call: Call, root: str) -> Answer:
        """Answer POST $batch; `root` is the service's absolute path."""
        try:
            if call.method != "POST":
                raise refused("/IWFND/CM_MGW/055", call.method, "$batch", status=405)
            parts = multipart.read(call.body, call.headers.get("content-type", ""), call.base, root)
        except Refused as refusal:
            return error_answer(refusal, self.operations.service, call)
        answers: list[Answer | list[Answer]] = []
        content_ids: dict[int, str] = {}
        for part in parts:
            if isinstance(part, multipart.Part):
                answers.append(self._logged(part.call, self._alone(part.call)))
            else:
                answers.append(self._change_set(part, content_ids))
        return multipart.write(answers, content_ids)

    def _alone(self, call: Call) -> Answer:
        if call.method not in READING:
            refusal = refused("/IWFND/CM_MGW/072", call.method, "outside")
            return error_answer(refusal, self.operations.service, call)
        return self.intercept(call) or self.single(call)

    def _change_set(self, change_set: multipart.ChangeSet, content_ids: dict[int, str]) -> Answer | list[Answer]:
        calls = [part.call for part in change_set.parts]
        try:
            self._check(calls)
            for call in calls:
                intercepted = self.intercept(call)
                if intercepted is not None:
                    return self._logged(call, intercepted)
            answers = self._together(calls, [part.content_id for part in change_set.parts])
        except Refused as refusal:
            answer = error_answer(refusal, self.operations.service, calls[0])
            for call in calls:
                self._logged(call, answer)
            return answer
        for part, answer in zip(change_set.parts, answers, strict=True):
            self._logged(part.call, answer)
            content_ids[id(answer)] = part.content_id
        return answers

    def _check(self, calls: list[Call]) -> None:
        for call in calls:
            if call.method not in CHANGING:
                raise refused("/IWFND/CM_MGW/072", call.method, "inside")
        single = self.operations.service.name in self.operations.settings.single_post_change_sets
        if single and len(calls) > 1 and any(call.method == "POST" for call in calls):
            raise refused("/IWFND/CM_MGW/071", status=501)

    def _together(self, calls: list[Call], content_ids: list[str] | None = None) -> list[Answer]:
        self.operations.events.clear()
        created: dict[str, str] = {}
        answers = []
        with self.operations.store.transaction() as changes:
            for place, call in enumerate(calls):
                answer = self.operations.change(_referenced(call, created), changes)
                answers.append(answer)
                if content_ids and content_ids[place] and "location" in answer.headers:
                    created[content_ids[place]] = unquote(answer.headers["location"].removeprefix(call.base))
        self.publish(list(self.operations.events))
        return answers

    def _logged(self, call: Call, answer: Answer) -> Answer:
        self.log.append({"method": call.method, "path": call.path, "query": dict(call.query), "status": answer.status})
        return answer


def _referenced(call: Call, created: dict[str, str]) -> Call:
    """Put the address of an entity created before in the place of `$<Content-ID>`."""
    match = _REFERENCE.match(call.path)
    if match is None or match[1] not in created:
        return call
    return replace(call, path=created[match[1]] + call.path[match.end() :])
