"""The products we know, one row each. `shared.domain.instruments` reads these tables.

Seeds the paper venue. Against a real broker its own tick size and value per point win, and a
difference is an alarm.

- tick, usd/pt: price steps, and US dollars for a move of 1.0 (Tradovate's `valuePerPoint`).
- cycle: letters of the active delivery months, those that `NQ2!` counts. Thin serial months are
  left out: they are found by their own name.
- hours: code of the trading hours (`shared.domain.session_table`).
- ends: when trading ends on the last trading day, in Chicago unless another city is named; empty
  at the session's close (for grains it is noon by general knowledge, which is not verified).
- tick?, rule?: `y` when a source states tick and usd/pt, or the last trading day, and none
  contradicts it; `n` has its reason in DOUBTS.
- micro of: root of the large contract; each large one has one micro at most.

Sources: the public LEAN market data, real product payloads, CME contract pages. Beside them: 6A
and 6N by one page that older data contradict: half ticks since November 2020 and August 2021
(cmegroup.com/education, "New Zealand Dollar/US Dollar FX Futures", 2 July 2021); M6E from CME's
E-micro page; MBT from interactivebrokers.com.au/en/trading/cme-micro-bitcoin.php; SIL from
commodity.jugok.com (2021); MCL's last day from edgeclear.com/cme-micro-crude; DX from
marketswiki.com/wiki/ICE_US_Dollar_Index; FX rules from cmegroup.com/trading/fx/rolldates.html.
"""

from __future__ import annotations

from typing import Final

TABLE: Final = """
root|name                 |exch |tick      |usd/pt  |cycle       |group     |hours|expiry                    |ends        |tick?|rule?|micro of
ES  |E-mini S&P 500       |CME  |0.25      |50      |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |
MES |Micro E-mini S&P 500 |CME  |0.25      |5       |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |ES
NQ  |E-mini Nasdaq-100    |CME  |0.25      |20      |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |
MNQ |Micro E-mini Nasdaq  |CME  |0.25      |2       |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |NQ
RTY |E-mini Russell 2000  |CME  |0.10      |50      |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |
M2K |Micro Russell 2000   |CME  |0.10      |5       |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |RTY
YM  |E-mini Dow           |CBOT |1         |5       |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |
MYM |Micro E-mini Dow     |CBOT |1         |0.50    |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |YM
EMD |E-mini MidCap 400    |CME  |0.10      |100     |HMUZ        |index     |A    |third_friday              |08:30       |y    |y    |
NKD |Nikkei 225 (USD)     |CME  |5         |5       |HMUZ        |index     |A    |before_second_friday      |16:00       |y    |y    |
CL  |WTI crude            |NYMEX|0.01      |1000    |FGHJKMNQUVXZ|energy    |A    |crude                     |            |y    |y    |
MCL |Micro WTI            |NYMEX|0.01      |100     |FGHJKMNQUVXZ|energy    |A    |micro_crude               |            |y    |y    |CL
NG  |Henry Hub gas        |NYMEX|0.001     |10000   |FGHJKMNQUVXZ|energy    |A    |gas                       |            |y    |y    |
HO  |NY Harbor ULSD       |NYMEX|0.0001    |42000   |FGHJKMNQUVXZ|energy    |A    |end_of_prior_month        |            |y    |y    |
RB  |RBOB gasoline        |NYMEX|0.0001    |42000   |FGHJKMNQUVXZ|energy    |A    |end_of_prior_month        |            |y    |y    |
BZ  |Brent last day       |NYMEX|0.01      |1000    |FGHJKMNQUVXZ|energy    |A    |brent                     |            |y    |n    |
GC  |Gold                 |COMEX|0.10      |100     |GJMQVZ      |metals    |A    |third_last_business_day   |            |y    |y    |
MGC |Micro gold           |COMEX|0.10      |10      |GJMQVZ      |metals    |A    |third_last_business_day   |            |y    |y    |GC
SI  |Silver               |COMEX|0.005     |5000    |HKNUZ       |metals    |A    |third_last_business_day   |            |y    |y    |
SIL |Micro silver         |COMEX|0.005     |1000    |HKNUZ       |metals    |A    |third_last_business_day   |            |y    |y    |SI
HG  |Copper               |COMEX|0.0005    |25000   |HKNUZ       |metals    |A    |third_last_business_day   |12:00       |y    |y    |
PL  |Platinum             |NYMEX|0.10      |50      |FJNV        |metals    |A    |third_last_business_day   |            |y    |y    |
PA  |Palladium            |NYMEX|0.50      |100     |HMUZ        |metals    |A    |third_last_business_day   |            |n    |y    |
ZB  |30-year bond         |CBOT |0.03125   |1000    |HMUZ        |rates     |A    |seven_before_last         |12:01       |y    |y    |
UB  |Ultra bond           |CBOT |0.03125   |1000    |HMUZ        |rates     |A    |seven_before_last         |12:01       |y    |y    |
ZN  |10-year note         |CBOT |0.015625  |1000    |HMUZ        |rates     |A    |seven_before_last         |12:01       |y    |y    |
TN  |Ultra 10-year note   |CBOT |0.015625  |1000    |HMUZ        |rates     |A    |seven_before_last         |12:01       |y    |y    |
ZF  |5-year note          |CBOT |0.0078125 |1000    |HMUZ        |rates     |A    |last_business_day         |12:01       |y    |y    |
ZT  |2-year note          |CBOT |0.00390625|2000    |HMUZ        |rates     |A    |last_business_day         |12:01       |y    |y    |
6E  |Euro                 |CME  |0.00005   |125000  |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |y    |y    |
6J  |Japanese yen         |CME  |0.0000005 |12500000|HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |y    |y    |
6B  |British pound        |CME  |0.0001    |62500   |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |y    |y    |
6A  |Australian dollar    |CME  |0.00005   |100000  |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |n    |y    |
6C  |Canadian dollar      |CME  |0.00005   |100000  |HMUZ        |fx        |A    |one_before_third_wednesday|09:16       |y    |y    |
6S  |Swiss franc          |CME  |0.00005   |125000  |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |n    |y    |
6N  |New Zealand dollar   |CME  |0.00005   |100000  |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |n    |y    |
6M  |Mexican peso         |CME  |0.00001   |500000  |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |y    |y    |
M6E |Micro euro           |CME  |0.0001    |12500   |HMUZ        |fx        |A    |two_before_third_wednesday|09:16       |y    |y    |6E
ZC  |Corn                 |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |            |y    |y    |
ZW  |Chicago wheat        |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |            |y    |y    |
KE  |Kansas wheat         |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |            |y    |y    |
ZS  |Soybeans             |CBOT |0.25      |50      |FHKNQUX     |grains    |B    |before_fifteenth          |            |y    |y    |
ZM  |Soybean meal         |CBOT |0.10      |100     |FHKNQUVZ    |grains    |B    |before_fifteenth          |            |y    |y    |
ZL  |Soybean oil          |CBOT |0.01      |600     |FHKNQUVZ    |grains    |B    |before_fifteenth          |            |y    |y    |
ZO  |Oats                 |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |            |y    |y    |
LE  |Live cattle          |CME  |0.025     |400     |GJMQVZ      |livestock |C    |last_business_day         |12:00       |y    |y    |
GF  |Feeder cattle        |CME  |0.025     |500     |FHJKQUVX    |livestock |C    |feeder_cattle             |12:00       |y    |y    |
HE  |Lean hogs            |CME  |0.025     |400     |GJKMNQVZ    |livestock |C    |tenth_business_day        |12:00       |y    |y    |
BTC |Bitcoin              |CME  |5         |5       |FGHJKMNQUVXZ|crypto    |A    |last_friday               |16:00 London|y    |y    |
MBT |Micro bitcoin        |CME  |5         |0.10    |FGHJKMNQUVXZ|crypto    |A    |last_friday               |16:00 London|y    |y    |BTC
ETH |Ether                |CME  |0.50      |50      |FGHJKMNQUVXZ|crypto    |A    |last_friday               |16:00 London|n    |n    |
MET |Micro ether          |CME  |0.50      |0.10    |FGHJKMNQUVXZ|crypto    |A    |last_friday               |16:00 London|n    |y    |ETH
DX  |US dollar index      |ICEUS|0.005     |1000    |HMUZ        |fx        |D    |two_before_third_wednesday|09:16       |y    |y    |
VX  |VIX                  |CFE  |0.05      |1000    |FGHJKMNQUVXZ|volatility|E    |vix                       |08:00       |y    |y    |
"""  # noqa: E501 - a table is read across

# Why a row says `n`: root, what, and the reason as a trader reads it.
DOUBTS: Final = """
PA |tick|specifications read have 0.05 and 0.10; 0.50 stands here, which fits all three grids
6A |tick|one page of the exchange has 0.00005, older data 0.0001
6N |tick|one page of the exchange has 0.00005, older data 0.0001
6S |tick|older specifications have 0.0001 where 0.00005 stands here
ETH|tick|two vendors state it differently
ETH|rule|read for the micro contract only
MET|tick|two vendors state it differently
BZ |rule|general knowledge, and London's bank holidays are not known here
"""

# How the last trading day is found, in words. A day that the rule names and that is no business
# day moves to the business day before it. `shared.domain.expiry` computes each.
RULES: Final = """
third_friday              |the third Friday of the delivery month
before_second_friday      |the business day before the second Friday of the delivery month
crude                     |three business days before the 25th (or the business day before it) of the month before delivery
micro_crude               |one business day before the large crude contract
gas                       |three business days before the first of the delivery month
end_of_prior_month        |the last business day of the month before delivery
brent                     |the last business day two months before delivery; of December the last but one
third_last_business_day   |the third last business day of the delivery month
seven_before_last         |seven business days before the last business day of the delivery month
last_business_day         |the last business day of the delivery month
two_before_third_wednesday|two business days before the third Wednesday of the delivery month
one_before_third_wednesday|one business day before the third Wednesday of the delivery month
before_fifteenth          |the business day before the 15th of the delivery month
feeder_cattle             |the last Thursday of the delivery month (in November the one before Thanksgiving), or a week earlier when it or one of the four weekdays before it is a holiday
tenth_business_day        |the tenth business day of the delivery month
last_friday               |the last Friday of the delivery month, or the day before on which London and the US both work
vix                       |thirty days before the third Friday of the month after delivery, or before the day that Friday moves to
"""  # noqa: E501 - a rule is one sentence
