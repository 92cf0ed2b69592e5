import { expect } from 'chai'
import { testNode, testSettings } from '../testing/fixtures.ts'
import { drainMark, nodeDrain } from './node-drain.ts'

describe('a node that is to be left', () => {
  const taint = (key: string, value = '') => ({ taints: [{ key, value, effect: 'NoSchedule' }] })
  const reason = (overrides: Parameters<typeof testNode>[1], settings = testSettings.drain) =>
    nodeDrain(testNode(1, overrides), settings)

  it('is one that is deleted, shuts down, or that the autoscaler or the operator have given up', () => {
    expect(reason({ ending: 'deletion' })).to.equal('the Node is being deleted')
    expect(reason({ ending: 'shutdown' })).to.equal('the machine is shutting down')
    expect(reason(taint('ToBeDeletedByClusterAutoscaler', '1700000000'))).to.equal(
      'the Node has the taint ToBeDeletedByClusterAutoscaler',
    )
    expect(reason(taint('node.kubernetes.io/out-of-service', 'nodeshutdown'))).to.be.a('string')
  })

  it('is never one that is cordoned, not ready, or tainted for other reasons (A1)', () => {
    const cordoned = taint('node.kubernetes.io/unschedulable')
    expect(reason({ unschedulable: true, ...cordoned })).to.equal(undefined)
    expect(reason({ ready: false, ...taint('node.kubernetes.io/not-ready') })).to.equal(undefined)
    expect(reason({ labels: { maintenance: 'yes' } })).to.equal(undefined)
  })

  it('is one with the taints and labels of the configuration, with any value or with this one', () => {
    const settings = {
      taints: [drainMark('example.com/drain')],
      labels: [drainMark('maintenance=now'), drainMark('empty=')],
    }
    expect(reason(taint('example.com/drain', 'x'), settings)).to.equal(
      'the Node has the taint example.com/drain',
    )
    expect(reason({ labels: { maintenance: 'now' } }, settings)).to.equal(
      'the Node has the label maintenance',
    )
    expect(reason({ labels: { maintenance: 'later', empty: 'x' } }, settings)).to.equal(undefined)
    expect(reason({ labels: { empty: '' } }, settings)).to.equal('the Node has the label empty')
    expect(reason(taint('ToBeDeletedByClusterAutoscaler'), settings)).to.equal(undefined)
  })
})
