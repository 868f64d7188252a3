"""The catalogue of codes: what each means, for screens that show one."""

from __future__ import annotations

from typing import Final

from api.access import PUBLIC, Router
from api.schemas import Answer, example
from api.wire import QueryText
from shared.domain.codes import Code, Place, catalogue, explain

router = Router(PUBLIC, prefix="/api/system", tags=["system"])
ROUTERS: Final = (router,)


class CodeOut(Answer):
    """`compares`: of a rule that refuses, what it looks at. A `*` at the end stands for more."""

    code: str
    place: Place
    meaning: str
    compares: str


class CodesOut(Answer):
    model_config = example(
        {
            "codes": [
                {
                    "code": "session.closed",
                    "place": "decision",
                    "meaning": "… does not trade at this hour.",
                    "compares": "the product's sessions and the present moment",
                }
            ]
        }
    )

    codes: list[CodeOut]


@router.get("/codes/")
async def list_codes(code: QueryText = "", place: Place | None = None) -> CodesOut:
    """All of them; those of one `place`; or the one that explains `code`, none where it is none."""
    if code:
        known = explain(code)
        found: tuple[Code, ...] = () if known is None else (known,)
    else:
        found = catalogue()
    return CodesOut(
        codes=[
            CodeOut(code=each.code, place=each.place, meaning=each.meaning, compares=each.compares)
            for each in found
            if place in (None, each.place)
        ]
    )
