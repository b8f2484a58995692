"""Errors, typed by what may be repeated.

    AutopurchaseError
    ├─ Refused       nothing happened there, and the same again would be refused again
    │  ├─ SessionRefused     the token is dead or the account lacks a right: a person must act on the session
    │  ├─ LimitReached       a quota, cap or account limit stands in the way
    │  ├─ NotSupported       the provider or source has no such ability
    │  ├─ NotAllowed         the person lacks the role
    │  ├─ Drifted            what was planned is no longer true
    │  └─ BadInput           the person's file, number or setting is wrong
    ├─ NotSent       nothing happened there, and it may be repeated
    │  ├─ RateLimited        too many calls; wait ``retry_after`` seconds
    │  ├─ ProviderDown       the other side cannot answer (for a write: only when it is certain that nothing ran)
    │  └─ ConnectFailed      the connection was never made
    ├─ Unknown       it may have happened; never repeated by itself
    │  ├─ NoAnswer           time-out or a dropped connection after bytes had left
    │  └─ BrokenAnswer       an answer that cannot be read, 5xx, success without an order id
    └─ Misuse        our bug, or a wrong use of the package

Every error carries a ``cause`` (a code of `domain.causes`), a ``sentence`` for the person that says what to do, and the
``raw`` answer with secrets removed. The class docstring's first line is the default sentence.
"""

from __future__ import annotations


class AutopurchaseError(Exception):
    """Something went wrong."""

    default_cause = "unknown_refusal"

    def __init__(
        self,
        sentence: str | None = None,
        *,
        cause: str | None = None,
        raw: str = "",
        retry_after: float | None = None,
    ) -> None:
        """``sentence`` is shown to people; ``raw`` must already be redacted; ``retry_after`` is in seconds."""
        self.sentence = sentence or (self.__doc__ or "").strip().splitlines()[0]
        self.cause = cause or self.default_cause
        self.raw = raw
        self.retry_after = retry_after
        super().__init__(self.sentence)


class Refused(AutopurchaseError):
    """The other side refused; nothing was done there."""


class SessionRefused(Refused):
    """The session is no longer authorised: open Sessions and authorise it again."""

    default_cause = "session_expired"


class NoSuchOrder(Refused):
    """The account has no such order: check the number and the session."""

    default_cause = "no_such_order"


class LimitReached(Refused):
    """A limit of the account was reached: wait, or use another session."""

    default_cause = "limit_reached"


class NotSupported(Refused):
    """This provider or shop has no such ability."""

    default_cause = "not_supported"


class NotAllowed(Refused):
    """Your role does not allow this: ask an administrator."""

    default_cause = "not_allowed"


class Drifted(Refused):
    """Some lines changed since the plan was made: plan again."""

    default_cause = "drifted"


class BadInput(Refused):
    """The input cannot be used as it is."""

    default_cause = "bad_input"


class NotSent(AutopurchaseError):
    """Nothing was sent; it can be repeated safely."""

    default_cause = "provider_down"


class RateLimited(NotSent):
    """Too many calls: the provider asks to wait."""

    default_cause = "throttled"


class ProviderDown(NotSent):
    """The provider cannot answer right now: it will be tried again."""


class ConnectFailed(NotSent):
    """No connection could be made: check the address and the network."""


class Unknown(AutopurchaseError):
    """It is not known whether it went through; it will be looked up before anything is repeated."""

    default_cause = "unknown_outcome"


class NoAnswer(Unknown):
    """The provider did not answer in time; it will be looked up before anything is repeated."""


class BrokenAnswer(Unknown):
    """The provider's answer cannot be read; it will be looked up before anything is repeated."""


class Misuse(AutopurchaseError):
    """This is a defect of the program: please report it with the journal cell."""

    default_cause = "our_bug"
