"""Trading hours and the exchanges' special days. `shared.domain.sessions` reads these tables.

All times are Chicago's. Closes are those in force since 2022; before that year energy, metals and
some others closed at other minutes on the same days.

Sources, day by day:
- regular hours: schedules of pandas_market_calendars 5.5.0, which cites the contract pages.
- holiday: a broker's print of the exchange's 2026 schedule (edgeclear.com/exchange-holiday-hours,
  Martin Luther King), DTN's customer notices for Presidents' Day 2023 and 4 July 2024, forexlive
  for Juneteenth 2024; that grains and livestock rest on Juneteenth: kdhlradio.com, June 2022.
- holiday_friday: pandas_market_calendars has energy and metals at 12:00 on 2026-06-19 and
  2026-07-03, both Fridays. UNVERIFIED elsewhere, and so is it that FX and crypto go on to 16:00.
- independence, thanksgiving, closed (Christmas, New Year): the same closes; grains do not open
  that evening but at 08:30 the next day (agupdate.com July 2023, newsbreak.com Thanksgiving 2021,
  finmarket.com Christmas 2018, kdhlradio.com New Year 2019). For Thanksgiving 2024 forexlive has
  12:00 for energy and metals as well; we keep 13:30.
- july_3, day_after_thanksgiving: DTN 2024 for the former (grains 12:05 only in 2019, not since),
  pandas_market_calendars for the latter; newsbreak.com for grains and livestock about noon.
- christmas_eve: finmarket.com 2018 (12:15 for the index, 12:45 for energy and metals, 12:05 for
  grains, 12:15 for the dollar index and VIX). UNVERIFIED: crypto.
- good_friday_report: open in the morning when the employment report comes out that day (the first
  Friday of April: 2015, 2021, 2023, 2026). UNVERIFIED: crypto; all minutes but the index's.
- mourning_2025: the exchange's announcement for 2025-01-09 (mondovisione.com, 2024-12-30).
  UNVERIFIED: dollar index and VIX.
UNVERIFIED as a whole: VIX outside its regular hours, which is not traded here at all; crypto at
the weekend, announced but not dated in what we read.
"""

from __future__ import annotations

from typing import Final

# Code of `Product.hours`: sessions of a weekday; `<` is the evening before.
HOURS: Final = """
A|<17:00-16:00
B|<19:00-07:45 08:30-13:20
C|08:30-13:05
D|<19:01-17:00
E|08:30-15:15
"""

# When a special day's trading ends: empty as ever, `-` not at all. `eve`: do grains open that day's
# evening?
CLOSES: Final = """
day                   |index|fx   |rates|energy|metals|crypto|grains|livestock|dollar|vix  |eve
holiday               |12:00|     |12:00|13:30 |13:30 |      |-     |-        |12:00 |-    |y
holiday_friday        |12:00|     |12:00|12:00 |12:00 |      |-     |-        |12:00 |-    |y
independence          |12:00|     |12:00|13:30 |13:30 |      |-     |-        |12:00 |-    |n
thanksgiving          |12:00|     |12:00|13:30 |13:30 |      |-     |-        |12:00 |-    |n
closed                |-    |-    |-    |-     |-     |-     |-     |-        |-     |-    |n
good_friday           |-    |-    |-    |-     |-     |-     |-     |-        |-     |-    |y
good_friday_report    |08:15|10:15|10:15|-     |-     |10:15 |-     |-        |-     |-    |y
july_3                |12:15|     |     |      |      |      |      |         |      |12:15|y
day_after_thanksgiving|12:15|12:15|12:15|12:45 |12:45 |12:45 |12:05 |12:05    |      |12:15|y
christmas_eve         |12:15|12:15|12:15|12:45 |12:45 |12:15 |12:05 |12:05    |12:15 |12:15|y
mourning_2025         |08:30|     |12:15|      |      |      |12:15 |12:15    |-     |-    |y
"""
