'use strict'
// Drives the published package `tradovate` against the venue. Its table of addresses is changed
// before the package has read it; nothing else of it is touched.

const assert = require('node:assert/strict')

const venue = process.env.TM_WIRE_VENUE // host:port
const control = process.env.TM_WIRE_CONTROL
Object.assign(require('tradovate/dist/types').URLs, {
  DEMO_URL: `http://${venue}/v1`,
  WS_DEMO_URL: `ws://${venue}/v1/websocket`,
  MD_URL: `ws://${venue}/v1/md/websocket`
})
const { MarketDataSocket, TradovateService, TradovateSocket } = require('tradovate')

const WAIT_MS = 8000
console.log = () => {} // the package talks to stdout, where our report goes
// Some refusals it rejects in a listener of its own, which nobody can await.
let stray = ''
process.on('unhandledRejection', (reason) => (stray = ` (${String(reason)})`))

const credentials = {
  name: process.env.TM_WIRE_USER,
  password: process.env.TM_WIRE_PASSWORD,
  appId: 'wire',
  appVersion: '1.0',
  deviceId: 'wire',
  cid: '8',
  sec: 'not-a-secret'
}
const service = new TradovateService()
const user = new TradovateSocket()
const md = new MarketDataSocket()
const events = []
let account, contract, order, position

async function tell(path, body) {
  const answer = await fetch(`http://${control}/${path}`, {
    method: 'POST',
    body: JSON.stringify(body)
  })
  assert.equal(answer.status, 200)
}

const walk = (...prices) => tell('walk', { root: 'NQ', prices })

async function within(promise, what, ms = WAIT_MS) {
  let timer
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no ${what} within ${ms} ms`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

async function eventually(probe, what) {
  const end = Date.now() + WAIT_MS
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > end) throw new Error(`no ${what} within ${WAIT_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const ask = async (url, body, query) =>
  (await within(user.request({ url, body, query }), `answer to ${url}`)).d
const status = async (id) => (await service.get('order/item', { id })).ordStatus
const becomes = (id, wanted) =>
  eventually(async () => (await status(id)) === wanted, `order ${id} ${wanted}`)
const held = async () => {
  const rows = await service.get('position/deps', { masterid: account.id })
  return rows.find((row) => row.contractId === contract.id)
}
const seen = (type, fields) =>
  eventually(
    () =>
      events.find(
        (event) =>
          event.entityType === type &&
          Object.entries(fields).every(([name, value]) => event.entity[name] === value)
      ),
    `${type} event with ${JSON.stringify(fields)}`
  )
const terms = (more) => ({
  accountSpec: account.name,
  accountId: account.id,
  symbol: contract.name,
  orderQty: 1,
  timeInForce: 'GTC',
  isAutomated: true,
  ...more
})

async function sell(qty) {
  const { orderId } = await service.post(
    'order/placeorder',
    terms({ action: 'Sell', orderType: 'Market', orderQty: qty })
  )
  await becomes(orderId, 'Filled')
}

const steps = {
  login: async () => {
    await assert.rejects(service.connect({ ...credentials, password: 'wrong' }))
    const answer = await service.connect(credentials)
    assert.ok(answer.userId > 0 && Date.parse(answer.expirationTime) > Date.now())
  },
  'time penalty': async () => {
    const past = new Date(0).toISOString()
    service.storage.setAccessToken('expired', 'expired', past) // else connect() keeps what it has
    await tell('fault', { name: 'time_penalty', on: 'login', p_time: 0.2 })
    await service.connect(credentials) // waits, and comes back with the ticket
    assert.ok((await service.get('auth/me')).userId > 0)
  },
  accounts: async () => {
    account = service.storage.getAvailableAccounts()[0] // kept by connect()
    assert.equal((await service.get('account/item', { id: account.id })).name, account.name)
    assert.equal(account.active, true)
  },
  contracts: async () => {
    // The front month is closed to new positions shortly before its end; the next one is not.
    const [, next] = await service.get('contract/suggest', { t: 'NQ', l: 2 })
    contract = await service.get('contract/find', { name: next.name })
    const { contractMaturityId: id } = contract
    const { productId } = await service.get('contractMaturity/item', { id })
    const product = await service.get('product/item', { id: productId })
    assert.equal(product.tickSize, 0.25)
    assert.equal(product.valuePerPoint, 20)
  },
  place: async () => {
    await walk('20000', '20000.25')
    const limit = { action: 'Buy', orderType: 'Limit', price: 19900, clOrdId: 'js-1', text: 'js' }
    order = (await service.post('order/placeorder', terms(limit))).orderId
    await becomes(order, 'Working')
    const [version] = await service.get('orderVersion/deps', { masterid: order })
    assert.deepEqual([version.price, version.text], [19900, 'js'])
    const [command] = await service.get('command/deps', { masterid: order })
    assert.deepEqual([command.clOrdId, command.isAutomated], ['js-1', true])
  },
  modify: async () => {
    const { commandId } = await service.post('order/modifyorder', {
      orderId: order,
      orderQty: 2,
      orderType: 'Limit',
      price: 19901.25,
      timeInForce: 'GTC',
      isAutomated: true
    })
    const version = await service.get('orderVersion/item', { id: commandId })
    assert.deepEqual([version.price, version.orderQty], [19901.25, 2])
  },
  cancel: async () => {
    const { commandId } = await service.post('order/cancelorder', {
      orderId: order,
      isAutomated: true
    })
    assert.ok(commandId > 0)
    await becomes(order, 'Canceled')
    await assert.rejects(service.post('order/cancelorder', { orderId: order }), /401/)
  },
  authorise: () => within(user.connect(), 'authorisation'),
  sync: async () => {
    let snapshot
    const take = (data) => (data.users ? (snapshot = data) : events.push(data))
    await within(user.synchronize({ onSubscription: take }), 'snapshot')
    assert.equal(snapshot.accounts[0].id, account.id)
    assert.ok(snapshot.orders.some((row) => row.id === order && row.ordStatus === 'Canceled'))
    for (const kind of ['commands', 'orderVersions', 'cashBalances', 'products', 'contracts']) {
      assert.ok(snapshot[kind].length > 0, kind)
    }
  },
  props: async () => {
    const market = terms({ action: 'Buy', orderType: 'Market', orderQty: 2, clOrdId: 'js-2' })
    const { orderId } = await ask('order/placeOrder', market)
    await seen('command', { orderId, clOrdId: 'js-2' })
    await seen('fill', { orderId, qty: 2, action: 'Buy' })
    await seen('order', { id: orderId, ordStatus: 'Filled' })
    await seen('position', { contractId: contract.id, netPos: 2 })
    await seen('executionReport', { orderId, execType: 'Trade' })
  },
  oso: async () => {
    const leg = { action: 'Sell', timeInForce: 'GTC' }
    const answer = await ask(
      'order/placeOSO',
      terms({
        action: 'Buy',
        orderType: 'Limit',
        price: 19990,
        bracket1: { ...leg, orderType: 'Limit', price: 20010 },
        bracket2: { ...leg, orderType: 'Stop', stopPrice: 19980 }
      })
    )
    const { orderId, oso1Id, oso2Id } = answer
    assert.deepEqual([await status(oso1Id), await status(oso2Id)], ['Suspended', 'Suspended'])
    assert.equal((await ask('order/item', undefined, { id: oso1Id })).parentId, orderId)
    await walk('19990', '19989.75')
    await becomes(orderId, 'Filled')
    await becomes(oso2Id, 'Working')
    await walk('20010', '20010.25')
    await becomes(oso1Id, 'Filled')
    await becomes(oso2Id, 'Canceled')
  },
  oco: async () => {
    const { orderId, ocoId } = await service.post(
      'order/placeoco',
      terms({
        action: 'Sell',
        orderType: 'Limit',
        price: 20030,
        other: { action: 'Sell', orderType: 'Stop', stopPrice: 20000, timeInForce: 'GTC' }
      })
    )
    assert.equal((await service.get('order/item', { id: orderId })).ocoId, ocoId)
    await walk('20000', '19999.75')
    await becomes(ocoId, 'Filled')
    await becomes(orderId, 'Canceled')
  },
  strategies: async () => {
    const { orderStrategy } = await ask('orderStrategy/startOrderStrategy', {
      accountId: account.id,
      accountSpec: account.name,
      symbol: contract.name,
      orderStrategyTypeId: 2,
      action: 'Buy',
      uuid: 'js-strategy',
      params: JSON.stringify({
        entryVersion: { orderQty: 1, orderType: 'Market' },
        brackets: [{ qty: 1, profitTarget: 30, stopLoss: -20, trailingStop: false }]
      })
    })
    assert.equal(orderStrategy.uuid, 'js-strategy')
    const links = await eventually(async () => {
      const found = await service.get('orderStrategyLink/deps', { masterid: orderStrategy.id })
      return found.length >= 3 && found
    }, 'links to entry, target and stop')
    const answer = await ask('orderstrategy/interruptorderstrategy', {
      orderStrategyId: orderStrategy.id
    })
    assert.ok(!answer.errorText)
    for (const link of links) {
      await eventually(
        async () => ['Filled', 'Canceled'].includes(await status(link.orderId)),
        `end of ${link.label}`
      )
    }
  },
  positions: async () => {
    position = await held()
    const fills = await service.get('fill/list')
    const signed = fills.map((fill) => (fill.action === 'Buy' ? fill.qty : -fill.qty))
    assert.equal(position.netPos, signed.reduce((sum, qty) => sum + qty))
    assert.ok(position.netPos > 0 && position.netPrice > 0)
    await sell(position.netPos)
    position = await eventually(async () => {
      const now = await held()
      return now.netPos === 0 && now
    }, 'flat position')
    assert.equal(position.netPrice, undefined)
  },
  fills: async () => {
    const fills = await service.get('fill/list')
    assert.ok(fills.length >= 5 && fills.every((fill) => fill.qty > 0 && fill.active))
    const fee = await service.get('fillFee/item', { id: fills[0].id })
    assert.ok(fee.commission > 0)
  },
  'fill pairs': async () => {
    const pairs = await service.get('fillPair/deps', { masterid: position.id })
    const fills = new Map((await service.get('fill/list')).map((fill) => [fill.id, fill]))
    assert.ok(pairs.length > 0)
    for (const pair of pairs) {
      assert.equal(fills.get(pair.buyFillId).price, pair.buyPrice)
      assert.equal(fills.get(pair.sellFillId).price, pair.sellPrice)
    }
  },
  'cash snapshot': async () => {
    const body = { accountId: account.id }
    const cash = await service.post('cashBalance/getcashbalancesnapshot', body)
    assert.equal(cash.openPnL, 0)
    assert.equal(cash.netLiq, cash.totalCashValue)
  },
  quotes: async () => {
    await within(md.connect(), 'authorisation of market data')
    const quotes = []
    const stop = await within(
      md.subscribeQuote(contract.name, (quote) => quotes.push(quote)),
      'subscription'
    )
    await walk('20005', '20005.25')
    await eventually(() => quotes.some((x) => x.entries.Trade?.price === 20005.25), 'quote')
    await within(stop(), 'end of the subscription')
  },
  heartbeat: async () => {
    let beats = 0
    user.socket.ws.addEventListener('message', ({ data }) => (beats += data === 'h'))
    await eventually(() => beats > 0, 'heartbeat')
    assert.ok(user.isConnected())
  }
}

async function main() {
  for (const [step, run] of Object.entries(steps)) {
    const report = { step, outcome: 'passed', detail: '' }
    try {
      await run()
    } catch (error) {
      Object.assign(report, { outcome: 'failed', detail: String(error.message ?? error) + stray })
      stray = ''
    }
    process.stdout.write(JSON.stringify(report) + '\n')
  }
  process.exit(0)
}

main()
