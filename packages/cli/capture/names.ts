/** How pods, Services and Nodes are called where their addresses would stand. Pure. */

export const nodeName = (name: string): string => `node/${name}`
/** @param key `namespace/name` */
export const serviceName = (key: string): string => `svc/${key}`
