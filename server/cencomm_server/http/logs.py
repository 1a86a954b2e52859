"""Handlers of the logs: append, read by cursor, heads, proofs, own wraps, the public directory."""

from __future__ import annotations

from http import HTTPStatus

from cencomm_crypto.public.encoding import Value, encode
from cencomm_crypto.public.ids import ID_SIZE, ChannelId, LogId
from cencomm_crypto.public.tail import TailPart
from cencomm_crypto.public.wire import Receipt, Submission

from cencomm_server.accounts.principal import Principal
from cencomm_server.engine.append import Appends
from cencomm_server.engine.handing_back import HandingBack
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import MAX_PAGE_ITEMS, Reading
from cencomm_server.founding import Founding
from cencomm_server.http.call import CBOR, CBOR_SEQ, TEXT, Answer, Call, json_answer

PAGE = 100
LARGEST_PAGE = 1000


class LogHandlers:
    """One method per route."""

    def __init__(
        self,
        *,
        appends: Appends,
        reading: Reading,
        handing_back: HandingBack,
        founding: Founding,
    ) -> None:
        """The engine's three services, and who may found the directory."""
        self._appends = appends
        self._reading = reading
        self._handing_back = handing_back
        self._founding = founding

    async def directory_head(self, call: Call) -> Answer:
        """GET /v1/directory/head."""
        call.query.end()
        head = await self._reading.directory_head()
        note = head.note.decode("utf-8")
        return json_answer({"size": head.size, "root": head.root.hex(), "note": note})

    async def append_root_signed(self, call: Call) -> Answer:
        """POST /v1/directory/entries."""
        call.query.end()
        submission = Submission.decode(call.body)
        founds = submission.entry().header.type == "directory.genesis"
        if founds:
            self._founding.check(call.setup)
        receipt = await self._appends.append_to_directory(submission)
        if founds:
            self._founding.done()
        return _receipt(receipt)

    async def logs(self, call: Call) -> Answer:
        """GET /v1/logs."""
        after = call.query.optional_hex("after", ID_SIZE)
        limit = call.query.count("limit", PAGE, least=1, most=LARGEST_PAGE)
        call.query.end()
        found, following = await self._reading.logs_of(
            _reader(call.principal), None if after is None else LogId(after), limit
        )
        return json_answer(
            {
                "logs": [
                    {"log": info.log.hex(), "kind": info.kind, "size": info.size} for info in found
                ],
                "next": None if following is None else following.hex(),
            }
        )

    async def create(self, call: Call) -> Answer:
        """POST /v1/logs."""
        call.query.end()
        submission = Submission.decode(call.body)
        log, receipt = await self._appends.create(submission, _reader(call.principal))
        return _receipt(receipt, {"X-Cencomm-Log": log.hex()})

    async def append(self, call: Call) -> Answer:
        """POST /v1/logs/{log}/entries."""
        call.query.end()
        submission = Submission.decode(call.body)
        reader = _reader(call.principal)
        return _receipt(await self._appends.append(call.log, submission, reader))

    async def entries(self, call: Call) -> Answer:
        """GET /v1/logs/{log}/entries."""
        after = call.query.count("after", 0)
        limit = call.query.count("limit", MAX_PAGE_ITEMS, least=1, most=MAX_PAGE_ITEMS)
        call.query.end()
        page = await self._reading.read(_reader(call.principal), call.log, after, limit)
        headers = {"X-Cencomm-Next": str(page.next), "X-Cencomm-Size": str(page.size)}
        return Answer(page.items, CBOR_SEQ, headers=headers)

    async def checkpoint(self, call: Call) -> Answer:
        """GET /v1/logs/{log}/checkpoint."""
        size, least = call.query.optional_count("size"), call.query.count("least", 0)
        call.query.end()
        reader = _reader(call.principal)
        note = await self._reading.checkpoint(reader, call.log, size, least=least)
        return Answer(note, TEXT)

    async def proof(self, call: Call) -> Answer:
        """GET /v1/logs/{log}/proof."""
        old, new = call.query.count("old"), call.query.count("new")
        call.query.end()
        proof = await self._reading.proof(_reader(call.principal), call.log, old, new)
        return json_answer({"proof": [node.hex() for node in proof]})

    async def tail(self, call: Call) -> Answer:
        """POST /v1/logs/{log}/tail."""
        call.query.end()
        part = TailPart.decode(call.body)
        found = await self._handing_back.take(_reader(call.principal), call.log, part)
        return json_answer(
            {
                "size": found.size,
                "signed": found.signed,
                "wanted": found.wanted,
                "lacks": [list(places) for places in found.lacks],
            }
        )

    async def wraps_back(self, call: Call) -> Answer:
        """POST /v1/logs/{log}/wraps."""
        call.query.end()
        submission = Submission.decode(call.body)
        await self._handing_back.take_wraps(_reader(call.principal), call.log, submission)
        return json_answer({})

    async def wraps(self, call: Call) -> Answer:
        """GET /v1/logs/{log}/wraps."""
        chan = ChannelId(call.query.hex("chan", ID_SIZE))
        n = call.query.count("n")
        call.query.end()
        own = await self._reading.wraps(_reader(call.principal), call.log, chan, n)
        answer: dict[str, Value] = {"share": [[x, share] for x, share in own.shares]}
        if own.wrap is not None:
            answer["wrap"] = own.wrap
        return Answer(encode(answer), CBOR)


def _reader(principal: Principal) -> Reader:
    return Reader(principal.device, principal.person, principal.kind)


def _receipt(receipt: Receipt, headers: dict[str, str] | None = None) -> Answer:
    return Answer(receipt.encode(), CBOR, HTTPStatus.OK, headers or {})
