"""Last trading days as others print them; each row names its source.

A row is a date read in the source, with two exceptions. `cme fx` prints roll dates, which it says
are five business days before the end of trading; they are counted on here. `computed` is another
program's result, not the exchange's, and stands only where the others have little; it knows neither
Good Friday nor the Friday on which a Saturday's Christmas is kept, so months they touch are left
out (it has CLF2022 on 2021-12-21; the business day before the 25th was the 23rd).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

SOURCES: Final = {
    "cme gold": "CME Group, gold futures calendar 2025, cmegroup.com/markets/metals/precious/gold",
    "cme fx": "CME Group, FX quarterly roll dates (2013 page), cmegroup.com/trading/fx/rolldates",
    "cme cattle": "CME Group client wiki, livestock settlement: index of 21 May 2015",
    "kgi 2025": "KGI Futures, last trading days 2025, CBOT, kgif.com.tw",
    "capital 2024": "Capital Futures, last trading days 2024, CBOT, capitalfutures.com.tw",
    "concord 2022": "Concord Futures, last trading days 2022, CBOT, concordfutures.net/447528372",
    "concord 2019": "Concord Futures, last trading days 2019, CBOT, concordfutures.net/438916012",
    "eia": "US EIA, This Week in Petroleum, 22 April 2020",
    "kget": "kget.com, oil futures of 20 April 2020: the June contract",
    "brugler hogs": "Barchart (A. Brugler) at nasdaq.com, 15 August 2023",
    "brugler cattle": "Barchart (A. Brugler) at agupdate.com, 1 September 2023",
    "forexlive 2025": "forexlive.com (E. Sheridan) at rawnews.com, index futures rollover 2025",
    "regime 2026": "regimeanalysis.com, futures roll calendar, March 2026, naming CME",
    "betiforex": "betiforex.com, CME bitcoin settlements of October 2018",
    "fxpesa": "fxpesa.com, expiry dates August 2025, with the exchange's own hour for VIX",
    "equiti": "equiti-capital.com, expiry dates September 2025, with the exchange's hour for VIX",
    "computed": "github.com/newmath/FuturesAndOptionsTradingSimulation, exchange_expiry_dates.csv",
}

# source | roots | year | contract letter and day of each
ROWS: Final = """
cme gold|GC|2025|H 03-27, J 04-28, K 05-28, M 06-26, N 07-29, Q 08-27, U 09-26, V 10-29, X 11-25
cme gold|GC|2025|Z 12-29
cme gold|GC|2026|F 01-28
cme fx|6E 6J 6B 6A 6S 6N|2015|H 03-16, M 06-15, U 09-14, Z 12-14
cme fx|6E 6J 6B 6A 6S 6N|2016|H 03-14, M 06-13, U 09-19, Z 12-19
cme cattle|GF|2015|K 05-21
kgi 2025|ZS|2025|F 01-14, H 03-14, K 05-14, N 07-14, Q 08-14, U 09-12, X 11-14
kgi 2025|ZS ZL ZM|2026|F 01-14
kgi 2025|ZC ZW ZO|2025|H 03-14, K 05-14, N 07-14, U 09-12, Z 12-12
kgi 2025|ZL ZM|2025|F 01-14, H 03-14, K 05-14, N 07-14, Q 08-14, U 09-12, V 10-14, Z 12-12
kgi 2025|ZB ZN UB TN|2025|H 03-20, M 06-18, U 09-19, Z 12-19
kgi 2025|ZF ZT|2025|H 03-31, M 06-30, U 09-30, Z 12-31
kgi 2025|YM MYM|2025|H 03-21, M 06-20, U 09-19, Z 12-19
capital 2024|ZS|2024|F 01-12, H 03-14, K 05-14, N 07-12, Q 08-14, U 09-13, X 11-14
capital 2024|ZC ZW ZO|2023|Z 12-14
capital 2024|ZC ZW ZO|2024|H 03-14, K 05-14, N 07-12, U 09-13, Z 12-13
capital 2024|ZL ZM|2024|F 01-12, H 03-14, K 05-14, N 07-12, Q 08-14, U 09-13, V 10-14, Z 12-13
capital 2024|ZB ZN UB TN|2023|Z 12-19
capital 2024|ZB ZN UB TN|2024|H 03-19, M 06-18, U 09-19, Z 12-19
capital 2024|ZF ZT|2023|Z 12-29
capital 2024|ZF ZT|2024|H 03-28, M 06-28, U 09-30, Z 12-31
concord 2022|ZL|2022|F 01-14, H 03-14, K 05-13, N 07-14, Q 08-12, U 09-14, V 10-14, Z 12-14
concord 2022|ZC|2022|H 03-14, K 05-13, N 07-14, U 09-14, Z 12-14
concord 2019|ZL|2019|F 01-14, H 03-14, K 05-14, N 07-12, Q 08-14, U 09-13, V 10-14, Z 12-13
concord 2019|ZC|2019|H 03-14, K 05-14, N 07-12, U 09-13, Z 12-13
concord 2019|ZF|2019|H 03-29, M 06-28, U 09-30, Z 12-31
eia|CL|2020|K 04-21
kget|CL|2020|M 05-19
brugler hogs|HE|2023|Q 08-14
brugler cattle|LE GF|2023|Q 08-31
forexlive 2025|ES NQ YM RTY|2025|H 03-21, M 06-20, U 09-19, Z 12-19
regime 2026|ES NQ YM RTY|2026|H 03-20
betiforex|BTC|2018|V 10-26
fxpesa|VX|2025|Q 08-20
equiti|VX|2025|U 09-17
computed|ES|2019|H 03-15, M 06-21, U 09-20, Z 12-20
computed|ES|2021|H 03-19, M 06-18, U 09-17, Z 12-17
computed|ES|2023|H 03-17, M 06-16, U 09-15, Z 12-15
computed|CL|2019|F 12-19, G 01-22, H 02-20, J 03-20, N 06-20, Q 07-22, U 08-20, V 09-20, X 10-22
computed|CL|2022|G 01-20, H 02-22, J 03-22, Q 07-20, U 08-22, V 09-20, X 10-20, Z 11-21
computed|RB HO|2019|F 12-31, G 01-31, H 02-28, M 05-31, N 06-28, Q 07-31, U 08-30, V 09-30, X 10-31
computed|RB HO|2022|F 12-31, G 01-31, H 02-28, M 05-31, N 06-30, Q 07-29, U 08-31, V 09-30, Z 11-30
computed|HG|2021|F 01-27, G 02-24, K 05-26, N 07-28, U 09-28, Z 12-29
computed|HG|2022|F 01-27, K 05-26, N 07-27, U 09-28, Z 12-28
computed|PL|2021|F 01-27, N 07-28, V 10-27
computed|PL|2022|F 01-27, N 07-27, V 10-27
"""

# No dated print found: their rules rest on words alone (`product_table.RULES`).
UNDATED: Final = frozenset(
    {
        *("MES", "MNQ", "M2K", "EMD", "NKD", "MCL", "NG", "BZ", "MGC", "SI", "SIL"),
        *("PA", "6C", "6M", "M6E", "KE", "MBT", "ETH", "MET", "DX"),
    }
)


def printed() -> Iterator[tuple[str, str, date]]:
    """Source, contract (`NQZ2026`) and last trading day of every row."""
    for line in ROWS.strip().splitlines():
        source, roots, year, days = line.split("|")
        for root in roots.split():
            for entry in days.split(","):
                letter, day = entry.split()
                # A January contract of the energies ends in the December before.
                before = letter == "F" and day.startswith("12-")
                last = date.fromisoformat(f"{int(year) - before}-{day}")
                yield source, f"{root}{letter}{year}", last
