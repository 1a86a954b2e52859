"""Bots log in by device key and a client secret that their contact point made once."""

import secrets

import pytest
from cencomm_config.errors import AccountExists, Forbidden, LoginFailed, RateLimited
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import PersonId
from cencomm_server.accounts.bots import BotLogin
from cencomm_server.accounts.principal import Principal

from tests.support.accounts import Desk
from tests.support.directory import DirectoryBuilder, HeldPerson


class Booth:
    """A bot of one administration, its contact point, and another administration's."""

    def __init__(self) -> None:
        self.builder = DirectoryBuilder()
        france = self.builder.administration("FR")
        self.bot = self.builder.person(france, kind="bot")
        self.human = self.builder.person(france)
        self.ncp = france.ncp
        self.foreign = self.builder.administration("IT").ncp
        self.desk = Desk(self.builder)

    @staticmethod
    def speaks(person: HeldPerson) -> Principal:
        return Principal(person.device.id, person.id, "human", bytes(32))

    async def log_in(self, secret: bytes, *, person: HeldPerson | None = None) -> bytes:
        person, token = person or self.bot, secrets.token_bytes(32)
        proof = self.desk.prove(person.device, token)
        await self.desk.bots.login(BotLogin(proof, person.code, secret))
        return token


@pytest.fixture
def booth() -> Booth:
    return Booth()


async def test_a_bot_logs_in_with_its_secret(booth: Booth) -> None:
    secret = await booth.desk.bots.make_secret(booth.speaks(booth.ncp), booth.bot.id)
    principal = await booth.desk.sessions.authenticate(await booth.log_in(secret))
    assert (principal.person, principal.kind) == (booth.bot.id, "bot")


async def test_the_secret_is_made_once_until_a_reset(booth: Booth) -> None:
    ncp = booth.speaks(booth.ncp)
    first = await booth.desk.bots.make_secret(ncp, booth.bot.id)
    with pytest.raises(AccountExists):
        await booth.desk.bots.make_secret(ncp, booth.bot.id)
    booth.builder._clock = booth.desk.now + 1
    reset = booth.builder.author("person.reset", {"person": booth.bot.id}, booth.ncp.device)
    booth.builder.append(reset)
    booth.desk.now += 1_000
    with pytest.raises(LoginFailed):
        await booth.log_in(first)
    second = await booth.desk.bots.make_secret(ncp, booth.bot.id)
    await booth.log_in(second)
    with pytest.raises(LoginFailed):
        await booth.log_in(first)


async def test_only_the_bots_own_contact_point_makes_it(booth: Booth) -> None:
    for person in (booth.foreign, booth.human, booth.bot):
        with pytest.raises(Forbidden):
            await booth.desk.bots.make_secret(booth.speaks(person), booth.bot.id)
    with pytest.raises(Forbidden, match="kind bot"):
        await booth.desk.bots.make_secret(booth.speaks(booth.ncp), booth.human.id)
    with pytest.raises(ProtocolError) as raised:
        await booth.desk.bots.make_secret(booth.speaks(booth.ncp), PersonId(bytes(16)))
    assert raised.value.code == ErrorCode.UNKNOWN_PERSON


async def test_a_human_account_is_no_bot_account(booth: Booth) -> None:
    await booth.desk.enlist(booth.human)
    with pytest.raises(LoginFailed):
        await booth.log_in(b"s" * 32, person=booth.human)


async def test_guessing_a_bots_secret_is_limited(booth: Booth) -> None:
    await booth.desk.bots.make_secret(booth.speaks(booth.ncp), booth.bot.id)
    for _ in range(5):
        with pytest.raises(LoginFailed):
            await booth.log_in(b"x" * 32)
    with pytest.raises(RateLimited):
        await booth.log_in(b"x" * 32)
