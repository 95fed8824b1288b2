// Package busfeed reads what OpenStack's services say on RabbitMQ by oslo.messaging. It has a
// queue of its own, bound to the services' exchanges beside whatever else listens there, which
// all engines consume together.
//
// It slows nobody down. The queue is a classic one, since the services wait for RabbitMQ to
// confirm what they publish, and a replicated queue that has lost its majority would have them
// wait for ever. It drops its oldest messages rather than grow or refuse, and is gone when
// nobody has consumed it for a day. Exchanges belong to the services: none is declared here, and
// one that is not there yet, or no more, is looked for again and again.
//
// What a message means is not known here. See docs/adr/0032-the-feed-of-notifications.md.
package busfeed
