// Package fromzaqar is the source of triggers whose events are the messages of a queue of OpenStack
// Zaqar. They come in one of two ways.
//
// Push: the keeper subscribes the trigger's URL to the queue, and Zaqar sends each message there as
// it is posted. That is quick, and as good as Zaqar's delivery: it sends once, and again only where
// the connection broke. A message has no id on this way, so that one which is sent twice is two
// events. Zaqar asks a new subscriber to confirm. The keeper does so itself, with the trust of the
// trigger, right after it has subscribed; what comes to the URL and calls itself a confirmation is
// never answered, whoever sent it.
//
// Pull: the keeper claims messages, has each taken, and deletes it then. A message that was taken
// by a process that died before it deleted it comes again when the claim has expired, with its id,
// by which it is known as a duplicate. Nothing is lost while nobody asks: the queue keeps it.
//
// What that costs where nothing happens: a queue that has been empty for a while is asked every 10
// seconds whether it has a message, by the one engine that owns the trigger's shard. A thousand
// idle queues are 100 requests a second in the whole installation, each of which reads one page of
// one message. (A claim would not do: of nothing, too, it writes an object where Zaqar keeps
// messages in Swift.)
package fromzaqar
