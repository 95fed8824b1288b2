package faas

// Filter keeps the rows whose field compares so with the values. Which fields a resource can be
// filtered by is the store's to say.
type Filter struct {
	Field  string
	Op     string   // eq neq in nin gt gte lt lte has
	Values []string // one, or several for in and nin
}

// SortKey is one column of an order.
type SortKey struct {
	Field string
	Desc  bool
}

// Query is what a list asks for.
type Query struct {
	Filters []Filter
	Sort    []SortKey // empty: created_at ascending; the id is always the last key, so that pages neither skip nor repeat
	Limit   int       // rows at most; 0 for no limit
	Marker  string    // the id of the last row of the page before; "" for the first page
}
