"""The products we know, one row each. `shared.domain.instruments` reads this table.

Seeds the paper venue. Against a real broker its own tick size and value per point win, and a
difference is an alarm.

- tick, usd/pt: price steps, and US dollars for a move of 1.0 (Tradovate's `valuePerPoint`).
- cycle: letters of the active delivery months, those that `NQ2!` counts. Thin serial months are
  left out: they are found by their own name.
- hours: code of the trading hours (A most of CME, B grains, C livestock, D ICE US, E CFE).
- ok: `y` when a source states tick and usd/pt and none contradicts it. The doubtful:
  PA, 6A, 6S and 6N had other ticks in older data (0.05; 0.0001) and stand here as of today;
  ETH and MET are stated differently by two vendors; M6E is general knowledge.

Sources: the public LEAN market data, real product payloads, CME contract pages.
"""

from __future__ import annotations

from typing import Final

TABLE: Final = """
root|name                 |exch |tick      |usd/pt  |cycle       |group     |hours|expiry                    |ok|micro of
ES  |E-mini S&P 500       |CME  |0.25      |50      |HMUZ        |index     |A    |third_friday              |y |
MES |Micro E-mini S&P 500 |CME  |0.25      |5       |HMUZ        |index     |A    |third_friday              |y |ES
NQ  |E-mini Nasdaq-100    |CME  |0.25      |20      |HMUZ        |index     |A    |third_friday              |y |
MNQ |Micro E-mini Nasdaq  |CME  |0.25      |2       |HMUZ        |index     |A    |third_friday              |y |NQ
RTY |E-mini Russell 2000  |CME  |0.10      |50      |HMUZ        |index     |A    |third_friday              |y |
M2K |Micro Russell 2000   |CME  |0.10      |5       |HMUZ        |index     |A    |third_friday              |y |RTY
YM  |E-mini Dow           |CBOT |1         |5       |HMUZ        |index     |A    |third_friday              |y |
MYM |Micro E-mini Dow     |CBOT |1         |0.50    |HMUZ        |index     |A    |third_friday              |y |YM
EMD |E-mini MidCap 400    |CME  |0.10      |100     |HMUZ        |index     |A    |third_friday              |y |
NKD |Nikkei 225 (USD)     |CME  |5         |5       |HMUZ        |index     |A    |before_second_friday      |y |
CL  |WTI crude            |NYMEX|0.01      |1000    |FGHJKMNQUVXZ|energy    |A    |crude                     |y |
MCL |Micro WTI            |NYMEX|0.01      |100     |FGHJKMNQUVXZ|energy    |A    |micro_crude               |y |CL
NG  |Henry Hub gas        |NYMEX|0.001     |10000   |FGHJKMNQUVXZ|energy    |A    |gas                       |y |
HO  |NY Harbor ULSD       |NYMEX|0.0001    |42000   |FGHJKMNQUVXZ|energy    |A    |end_of_prior_month        |y |
RB  |RBOB gasoline        |NYMEX|0.0001    |42000   |FGHJKMNQUVXZ|energy    |A    |end_of_prior_month        |y |
BZ  |Brent last day       |NYMEX|0.01      |1000    |FGHJKMNQUVXZ|energy    |A    |brent                     |y |
GC  |Gold                 |COMEX|0.10      |100     |GJMQVZ      |metals    |A    |third_last_business_day   |y |
MGC |Micro gold           |COMEX|0.10      |10      |GJMQVZ      |metals    |A    |third_last_business_day   |y |GC
SI  |Silver               |COMEX|0.005     |5000    |HKNUZ       |metals    |A    |third_last_business_day   |y |
SIL |Micro silver         |COMEX|0.005     |1000    |HKNUZ       |metals    |A    |third_last_business_day   |y |SI
HG  |Copper               |COMEX|0.0005    |25000   |HKNUZ       |metals    |A    |third_last_business_day   |y |
PL  |Platinum             |NYMEX|0.10      |50      |FJNV        |metals    |A    |third_last_business_day   |y |
PA  |Palladium            |NYMEX|0.50      |100     |HMUZ        |metals    |A    |third_last_business_day   |n |
ZB  |30-year bond         |CBOT |0.03125   |1000    |HMUZ        |rates     |A    |seven_before_last         |y |
UB  |Ultra bond           |CBOT |0.03125   |1000    |HMUZ        |rates     |A    |seven_before_last         |y |
ZN  |10-year note         |CBOT |0.015625  |1000    |HMUZ        |rates     |A    |seven_before_last         |y |
TN  |Ultra 10-year note   |CBOT |0.015625  |1000    |HMUZ        |rates     |A    |seven_before_last         |y |
ZF  |5-year note          |CBOT |0.0078125 |1000    |HMUZ        |rates     |A    |last_business_day         |y |
ZT  |2-year note          |CBOT |0.00390625|2000    |HMUZ        |rates     |A    |last_business_day         |y |
6E  |Euro                 |CME  |0.00005   |125000  |HMUZ        |fx        |A    |two_before_third_wednesday|y |
6J  |Japanese yen         |CME  |0.0000005 |12500000|HMUZ        |fx        |A    |two_before_third_wednesday|y |
6B  |British pound        |CME  |0.0001    |62500   |HMUZ        |fx        |A    |two_before_third_wednesday|y |
6A  |Australian dollar    |CME  |0.00005   |100000  |HMUZ        |fx        |A    |two_before_third_wednesday|n |
6C  |Canadian dollar      |CME  |0.00005   |100000  |HMUZ        |fx        |A    |one_before_third_wednesday|y |
6S  |Swiss franc          |CME  |0.00005   |125000  |HMUZ        |fx        |A    |two_before_third_wednesday|n |
6N  |New Zealand dollar   |CME  |0.00005   |100000  |HMUZ        |fx        |A    |two_before_third_wednesday|n |
6M  |Mexican peso         |CME  |0.00001   |500000  |HMUZ        |fx        |A    |two_before_third_wednesday|y |
M6E |Micro euro           |CME  |0.0001    |12500   |HMUZ        |fx        |A    |two_before_third_wednesday|n |6E
ZC  |Corn                 |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |y |
ZW  |Chicago wheat        |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |y |
KE  |Kansas wheat         |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |y |
ZS  |Soybeans             |CBOT |0.25      |50      |FHKNQUX     |grains    |B    |before_fifteenth          |y |
ZM  |Soybean meal         |CBOT |0.10      |100     |FHKNQUVZ    |grains    |B    |before_fifteenth          |y |
ZL  |Soybean oil          |CBOT |0.01      |600     |FHKNQUVZ    |grains    |B    |before_fifteenth          |y |
ZO  |Oats                 |CBOT |0.25      |50      |HKNUZ       |grains    |B    |before_fifteenth          |y |
LE  |Live cattle          |CME  |0.025     |400     |GJMQVZ      |livestock |C    |last_business_day         |y |
GF  |Feeder cattle        |CME  |0.025     |500     |FHJKQUVX    |livestock |C    |feeder_cattle             |y |
HE  |Lean hogs            |CME  |0.025     |400     |GJKMNQVZ    |livestock |C    |tenth_business_day        |y |
BTC |Bitcoin              |CME  |5         |5       |FGHJKMNQUVXZ|crypto    |A    |last_friday               |y |
MBT |Micro bitcoin        |CME  |5         |0.10    |FGHJKMNQUVXZ|crypto    |A    |last_friday               |y |BTC
ETH |Ether                |CME  |0.50      |50      |FGHJKMNQUVXZ|crypto    |A    |last_friday               |n |
MET |Micro ether          |CME  |0.50      |0.10    |FGHJKMNQUVXZ|crypto    |A    |last_friday               |n |ETH
DX  |US dollar index      |ICEUS|0.005     |1000    |HMUZ        |fx        |D    |two_before_third_wednesday|y |
VX  |VIX                  |CFE  |0.05      |1000    |FGHJKMNQUVXZ|volatility|E    |vix                       |y |
"""  # noqa: E501 - a table is read across
