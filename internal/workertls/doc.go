// Package workertls is how APIs and engines speak TLS 1.3 with the agents of workers, and how each
// end knows the other.
//
// A worker's agent makes a key when it starts, which never leaves its memory. A certificate says
// that the key is that worker's. It is signed by an authority whose key every API and engine
// derives from the secret that they share: none has to be told it, and a worker's certificate is
// all that any of them needs to know the worker by. Callers are known by the worker's token, which
// they send when they know the worker.
//
// An engine issues the certificate. It opens a connection, whose other end is nobody in particular
// yet, and asks
//
//	POST /v1/identity
//	Authorization: FaaS-Session <signature of the session and the worker's id>
//
// The signature is of keying material that no other TLS session has (RFC 9266), so nobody who
// stands in between can use it on a session of his own. Only to one who has signed does the agent
// show what its pod is known to Kubernetes by: a token of its service account, bound to the pod,
// that Kubernetes has put there. The engine has Kubernetes review that. Then the other end is the
// pod's agent, and the engine sends the certificate for the key that the session was made with:
//
//	POST /v1/certificate
//
// Certificates have no end of their own: they are of use for as long as the key, which is gone with
// the agent. With another secret there is another authority, and workers are made anew.
package workertls
