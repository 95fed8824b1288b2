// Package fromswift sees what becomes of objects in a container of Swift: it looks at the
// container's list every few seconds, and has an event for each object that is new, changed or
// gone.
//
// # What is looked at
//
// Swift notifies nobody of a change, and its list is all that says what is there: a container's
// counts stay the same when an object is overwritten by one of equal size. So the list is the
// truth. A look at a container of up to 1,000 objects is one request for all of it. For more, a
// look asks for the counts alone, and for the list when these have changed, or when the list was
// last read a minute ago. A page of the list has up to 10,000 objects, and a look reads three at
// most. A larger container is read over several looks, by a cursor in the order of names: a million
// objects are 100 pages, 34 looks; at an interval of 10 seconds, six minutes.
//
// # What is new
//
// Times do not say what is new: that of an object is when its upload began, so what is listed now
// may be older than what was listed an hour ago; servers' clocks differ; and entries are late when
// a server was down. So versions (name, ETag and time, as a hash) are remembered, and what is not
// among them is new. There is room for some 6,000 to 9,000 of them: the newest. In a container of
// more, what is older than all of these counts as seen.
// What was there when the trigger was made, or resumed, or given another container, is no event.
//
// # What is gone
//
// For that, names are remembered too, as long as there is room: some 3,000. Before it is told,
// Swift is asked for the object, since a list may lack what is there.
//
// # What happens once
//
// A version becomes part of the memory when its event is settled, and the memory is written with
// the trigger after that. If the process dies in between, the same events are made again, with the
// same ids.
package fromswift
