import { expect } from 'chai'
import { parseList, parseObjects } from './json.ts'

const managed = (fields: object) => [
  { manager: 'kubectl', operation: 'Apply', fieldsType: 'FieldsV1', fieldsV1: fields },
]
const item = (name: string, fields: object, more: object = {}) => ({
  metadata: { name, managedFields: managed(fields), ...more },
  spec: { ports: [{ port: 80 }] },
})

describe('JSON of the API server', () => {
  it('is read without managedFields, wherever they stand in metadata', () => {
    const list = { items: [item('a', { 'f:spec': { 'k:{"port":80}': {} } }), item('b', {}, { uid: 'u' })] }
    expect(parseObjects(JSON.stringify(list))).to.deep.equal({
      items: [
        { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } },
        { metadata: { name: 'b', uid: 'u' }, spec: { ports: [{ port: 80 }] } },
      ],
    })
  })

  it('is read whole where a text in them has a bracket, quotes and all', () => {
    for (const odd of ['v:]', 'v:"]', 'v:"]},"spec":{"ports":[]}},{"metadata":{"name":"evil"', 'v:\\"]']) {
      const list = { items: [item('a', { [odd]: {} }), item('b', {})] }
      expect(parseObjects(JSON.stringify(list)), odd).to.deep.equal(list)
    }
  })

  it('leaves texts alone that only look like them', () => {
    const object = { metadata: { name: 'a', annotations: { x: ',"managedFields":[1],"b":2' } } }
    expect(parseObjects(JSON.stringify(object))).to.deep.equal(object)
    expect(() => parseObjects('{"metadata":{"name":"a","managedFields":[')).to.throw(SyntaxError)
  })
})

describe('a list of the API server', () => {
  const read = (list: unknown) => {
    const { head, items } = parseList(JSON.stringify(list))
    return { head, items: [...items] }
  }
  const metadata = { resourceVersion: '7', continue: 'next' }
  const plain = (name: string, more: object = {}) => ({ metadata: { name, ...more }, spec: {} })

  it('is read object by object, without managedFields', () => {
    const list = { kind: 'ThingList', metadata, items: [item('a', { f: {} }), item('b', {}), plain('c')] }
    expect(read(list)).to.deep.equal({
      head: { kind: 'ThingList', metadata },
      items: [
        { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } },
        { metadata: { name: 'b' }, spec: { ports: [{ port: 80 }] } },
        plain('c'),
      ],
    })
  })

  it('may be empty, have one object, have none, or a newline behind it', () => {
    for (const items of [[], [plain('a')]])
      expect(read({ kind: 'L', metadata, items }).items).to.deep.equal(items)
    for (const none of [{ metadata }, { metadata, items: null }])
      expect(read(none)).to.deep.equal({ head: none, items: [] })
    const text = `${JSON.stringify({ metadata, items: [plain('a'), plain('b')] })}\n`
    expect([...parseList(text).items]).to.deep.equal([plain('a'), plain('b')])
  })

  it('is read to its end where it is cut in the wrong place', () => {
    const nested = { ...plain('b'), templates: [plain('x'), plain('y')], items: [plain('z')] }
    const text = { ...plain('c'), note: '},{"metadata":{ ,"items":[ ]}' }
    const items = [plain('a'), nested, text, { kind: 'Thing', ...plain('d') }, plain('e')]
    for (const order of [items, items.toReversed(), [nested]]) {
      expect(read({ metadata, items: order }).items).to.deep.equal(order)
    }
    expect(read({ items: [plain('a'), nested], metadata }).items).to.deep.equal([plain('a'), nested])
  })

  it('is refused where it is no JSON', () => {
    const text = JSON.stringify({ metadata, items: [plain('a'), plain('b'), plain('c')] })
    for (let end = 0; end < text.length; end++) {
      expect(() => [...parseList(text.slice(0, end)).items], text.slice(0, end)).to.throw(SyntaxError)
    }
    expect(() => [...parseList(text.replace('"name":"b"', '"name":b')).items]).to.throw(SyntaxError)
    expect(read('text')).to.deep.equal({ head: 'text', items: [] })
  })
})
