"""Strategies that follow one another in a circle would wait for each other for ever."""

from __future__ import annotations

from tests.integration.api.desk import Browser


async def test_a_circle_of_followers_is_refused_however_long(ada: Browser) -> None:
    ids = [
        (await ada.post("/api/strategies/create/", {"name": name}, 201))["id"] for name in "ABCD"
    ]

    async def follow(who: int, whom: int, status: int = 200) -> str | None:
        rules = {"follows": [{"strategy_id": ids[whom]}]}
        body = {"id": ids[who], "rules": rules}
        answer = await ada.post("/api/strategies/update/", body, status)
        code: str | None = answer.get("code")
        return code

    await follow(0, 1)
    assert await follow(1, 0, 422) == "follow.circle"
    await follow(1, 2)
    await follow(3, 0)  # a tail that leads into it is no circle
    assert await follow(2, 0, 422) == "follow.circle"
    wrong = {"id": ids[2], "DirStrat": "A"}
    assert (await ada.post("/api/strategies/update/", wrong, 422))["code"] == "follow.circle"
    judged = await ada.post("/api/strategies/validate/", wrong)
    assert [each["code"] for each in judged["errors"]] == ["follow.circle"]
    await ada.post("/api/strategies/update/", {"id": ids[0], "rules": {"follows": []}})
    await follow(2, 0)
    # Whoever stands in no new circle may change anything else.
    await ada.post("/api/strategies/update/", {"id": ids[1], "position_size": 3})
