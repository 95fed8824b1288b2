// Package tunnel is the way to a worker through a gateway, for callers whose network does not route
// the addresses of pods: what a caller and the gateway of internal/gateway say to each other before
// the first request, and the caller's end of it.
//
// A tunnel is a connection of TLS 1.3 for one worker. The caller asks for it with
//
//	CONNECT <worker's id> HTTP/1.1
//	Authorization: FaaS-Tunnel <signature>
//
// and after 200 the connection is the worker's agent's: one HTTP request at a time. The caller
// names a worker and never an address. With the header
//
//	Faas-Worker-Tls: checked
//
// the gateway speaks TLS with the worker, too, and answers with the same header: see Leg.
//
// Both ends are sure of each other by keys that every API and engine derives from the secret that
// they share. One signs the gateway's certificate: it is the only authority that callers accept.
// The other signs, for each tunnel, the worker's id and keying material of the TLS session
// itself (RFC 9266), which no other session has: a signature that somebody has got hold of opens
// nothing. The gateway is given its certificate and the second key's public half.
package tunnel
