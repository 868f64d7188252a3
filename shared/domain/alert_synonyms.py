"""The names that a field may have. One table, so that the trader's page cannot say otherwise.

TradingView's placeholders name most of them; the list of these is public:
https://www.tradingview.com/support/solutions/43000481368-strategy-alerts/.
"""

from __future__ import annotations

from typing import Final

ACTION: Final = ("action", "order_action", "order.action", "strategy.order.action")
# Read only where no name of ACTION is there: elsewhere it may be the side of a position.
SIDE: Final = ("side",)
SYMBOL: Final = ("symbol", "ticker", "instrument")
QUANTITY: Final = (
    "quantity",
    "qty",
    "contracts",
    "order_contracts",
    "order.contracts",
    "strategy.order.contracts",
)
# Sizes of other products: contracts, a position, money or lots. Alone, they are refused.
AMBIGUOUS_SIZE: Final = ("amount", "size", "lots", "order_size")
QUANTITY_TYPE: Final = ("quantity_type", "quantitytype")
CLOSE_PERCENT: Final = ("close_percent", "exit_percent", "qty_percent", "quantity_percent")
MARKET_POSITION: Final = ("market_position", "strategy.market_position")
SENTIMENT: Final = ("sentiment",)
PREV_MARKET_POSITION: Final = ("prev_market_position", "strategy.prev_market_position")
MARKET_POSITION_SIZE: Final = ("market_position_size", "strategy.market_position_size")
POSITION_SIZE: Final = ("position_size", "strategy.position_size")
PRICE: Final = ("price", "signal_price", "signalprice", "order.price", "strategy.order.price")
ORDER_TYPE: Final = ("order_type", "ordertype")
LIMIT_PRICE: Final = ("limit_price", "limitprice")
STOP_PRICE: Final = ("stop_price", "stopprice")
STRATEGY: Final = ("strategy", "strategy_name", "strategy.name")
ORDER_ID: Final = ("order_id", "orderid", "order.id", "strategy.order.id")
TIMEFRAME: Final = ("interval", "timeframe")
COMMENT: Final = (
    "comment",
    "order_comment",
    "order.comment",
    "strategy.order.comment",
    "alert_message",
    "strategy.order.alert_message",
)
STOP_LOSS: Final = ("stop_loss", "stoploss", "sl")
TAKE_PROFIT: Final = ("take_profit", "takeprofit", "tp", "tp1", "tp2", "tp3", "tp4", "tp5")
TRAIL: Final = ("trail", "trailing_stop", "trail_stop")
UNITS: Final = ("tpsl_units", "units")

FIELDS: Final = {
    "what to do": (*ACTION, *SIDE),
    "symbol": SYMBOL,
    "contracts": QUANTITY,
    "what the quantity counts": QUANTITY_TYPE,
    "percent of the position to close": CLOSE_PERCENT,
    "position afterwards (long, short, flat)": (*MARKET_POSITION, *SENTIMENT),
    "position before": PREV_MARKET_POSITION,
    "size of the position afterwards": (*MARKET_POSITION_SIZE, *POSITION_SIZE),
    "price at the alert, a reference only": PRICE,
    "order type (market, limit, stop, stop limit)": ORDER_TYPE,
    "limit price": LIMIT_PRICE,
    "stop price of an entry": STOP_PRICE,
    "strategy, for information": STRATEGY,
    "Pine's name of the order, for information": ORDER_ID,
    "timeframe, for information": TIMEFRAME,
    "comment, for information": COMMENT,
    "stop loss": STOP_LOSS,
    "targets": TAKE_PROFIT,
    "trailing stop": TRAIL,
    "unit of stop, targets and trail": UNITS,
}
