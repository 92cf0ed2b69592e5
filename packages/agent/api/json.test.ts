import { expect } from 'chai'
import { parseObjects } from './json.ts'

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
