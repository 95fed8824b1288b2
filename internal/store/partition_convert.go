package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// A large table cannot be divided in place: ALTER TABLE would copy it and keep writers out for as
// long. It is copied beside its use instead, as others' tools do it: a divided table is made, three
// triggers write into it whatever is written into the old one, the old rows are copied in small
// steps, and then the two change names in one statement. Programs notice nothing, those of the
// release before included.

const (
	copySuffix = "_copy"
	oldSuffix  = "_old"
	// copyStep is how many rows one step copies, and so how many it keeps locked for its time.
	copyStep = 500
)

// PartitionRecords divides the tables of executions that are not divided yet, while they are used.
// It reports how far it is. When it was interrupted, it begins anew with what was not done.
func PartitionRecords(ctx context.Context, url string, tell func(string)) error {
	d, err := dialectOf(url)
	if err != nil {
		return err
	}
	if !d.grammar().fenced {
		return errors.New("an SQLite database has no partitions, and needs none")
	}
	a, err := newAlterer(ctx, d)
	if err != nil {
		return err
	}
	defer a.close()
	for _, t := range partitioned {
		all, err := partitionsOf(ctx, a.db, t.table)
		if err != nil {
			return err
		}
		if len(all) > 0 {
			tell(t.table + " is divided already.")
			continue
		}
		c := copying{alterer: a, table: t.table, by: t.by, tell: tell}
		if err := c.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.table, err)
		}
	}
	return nil
}

// copying is the division of one table.
type copying struct {
	*alterer
	table, by string
	columns   []string
	tell      func(string)
}

func (c *copying) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.clear, c.make, c.follow, c.copyAll, c.change} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

var followed = []string{"insert", "update", "delete"}

// clear removes what an attempt has left that was interrupted.
func (c *copying) clear(ctx context.Context) error {
	for _, event := range followed {
		if err := c.alter(ctx, fmt.Sprintf("DROP TRIGGER IF EXISTS %s_%s", c.table, event)); err != nil {
			return err
		}
	}
	return c.exec(ctx, "DROP TABLE IF EXISTS "+c.table+copySuffix)
}

// make makes the new table, with spans for what the old one has.
func (c *copying) make(ctx context.Context) error {
	rows, err := c.db.QueryContext(ctx, `SELECT column_name FROM information_schema.columns
		WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`, c.table)
	if err != nil {
		return unavailable(err)
	}
	c.columns, err = scanAll(rows, func(row scanner) (name string, err error) { return name, row.Scan(&name) })
	if err != nil {
		return err
	}
	var oldest sql.NullString
	if err := c.db.QueryRowContext(ctx, "SELECT MIN("+c.by+") FROM "+c.table).Scan(&oldest); err != nil {
		return unavailable(err)
	}
	var now int64
	if err := c.db.QueryRowContext(ctx, "SELECT UNIX_TIMESTAMP()").Scan(&now); err != nil {
		return unavailable(err)
	}
	var spans strings.Builder
	for _, end := range spansOf(oldest.String, time.Unix(now, 0).UTC()) {
		spans.WriteString(span(end) + ", ")
	}
	if err := c.exec(ctx, fmt.Sprintf("CREATE TABLE %s%s LIKE %s", c.table, copySuffix, c.table)); err != nil {
		return err
	}
	return c.exec(ctx, fmt.Sprintf("ALTER TABLE %s%s PARTITION BY RANGE COLUMNS (%s) (%s%s)", c.table, copySuffix, c.by, spans.String(), rest))
}

// spansOf returns the ends of the spans of a table whose lowest id is the one given. Engines make
// those that come after.
func spansOf(oldest string, now time.Time) []time.Time {
	const few = 20
	from, ok := timeOf(oldest)
	if !ok || from.Before(now.AddDate(-10, 0, 0)) || from.After(now) {
		from = now
	}
	from = from.Truncate(time.Hour)
	length := max(SpanOf(30*24*time.Hour), (now.Sub(from) / few).Truncate(time.Hour))
	var ends []time.Time
	for end := from; end.Before(now.Add(spansAhead * length)); {
		end = end.Add(length)
		ends = append(ends, end)
	}
	return ends
}

// follow has whatever is written into the old table be written into the new one.
func (c *copying) follow(ctx context.Context) error {
	values := make([]string, len(c.columns))
	for n, column := range c.columns {
		values[n] = "NEW." + column
	}
	replace := fmt.Sprintf("REPLACE INTO %s%s (%s) VALUES (%s)", c.table, copySuffix, strings.Join(c.columns, ", "),
		strings.Join(values, ", "))
	remove := fmt.Sprintf("DELETE FROM %s%s WHERE %s", c.table, copySuffix, c.same("OLD."))
	for event, does := range map[string]string{"insert": replace, "update": replace, "delete": remove} {
		err := c.alter(ctx, fmt.Sprintf("CREATE TRIGGER %s_%s AFTER %s ON %s FOR EACH ROW %s", c.table, event,
			strings.ToUpper(event), c.table, does))
		if err != nil {
			return err
		}
	}
	return nil
}

// same is the condition of the row that has the primary key of another.
func (c *copying) same(prefix string) string {
	condition := c.by + " = " + prefix + c.by
	if c.table == "execution_contents" {
		condition += " AND kind = " + prefix + "kind"
	}
	return condition
}

// copyAll copies the rows that were there before, in the order of their ids. Between two steps it
// leaves the server as much time as a step took.
func (c *copying) copyAll(ctx context.Context) error {
	after, copied, told := "", 0, time.Now()
	for {
		begun := time.Now()
		var last sql.NullString
		var n int
		err := c.db.QueryRowContext(ctx, fmt.Sprintf(`SELECT MAX(%s), COUNT(*) FROM (SELECT %s FROM %s WHERE %s > ? ORDER BY %s LIMIT %d) step`,
			c.by, c.by, c.table, c.by, c.by, copyStep), after).Scan(&last, &n)
		if err != nil {
			return unavailable(err)
		}
		if n == 0 {
			c.tell(fmt.Sprintf("%s: %d rows are copied.", c.table, copied))
			return nil
		}
		if err := c.copyStep(ctx, after, last.String); err != nil {
			return err
		}
		after, copied = last.String, copied+n
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			c.tell(fmt.Sprintf("%s: %d rows are copied so far.", c.table, copied))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(time.Second, time.Since(begun))):
		}
	}
}

// copyStep copies a step. It locks the rows that it reads, so that none is deleted between its
// reading and its writing. What a trigger has written already is newer.
func (c *copying) copyStep(ctx context.Context, after, last string) error {
	columns := strings.Join(c.columns, ", ")
	query := fmt.Sprintf("INSERT IGNORE INTO %s%s (%s) SELECT %s FROM %s WHERE %s > ? AND %s <= ? LOCK IN SHARE MODE",
		c.table, copySuffix, columns, columns, c.table, c.by, c.by)
	var err error
	for range alterTries {
		_, err = c.db.ExecContext(ctx, query, after, last)
		var numbered *mysql.MySQLError
		if !errors.As(err, &numbered) || mysqlFaults[numbered.Number] != passing {
			return unavailable(err)
		}
	}
	return unavailable(err)
}

// change has the new table take the old one's place. The triggers go with the old one.
func (c *copying) change(ctx context.Context) error {
	rename := fmt.Sprintf("RENAME TABLE %[1]s TO %[1]s%[2]s, %[1]s%[3]s TO %[1]s", c.table, oldSuffix, copySuffix)
	for err := c.alter(ctx, rename); err != nil; err = c.alter(ctx, rename) {
		if !errors.Is(err, ErrInUse) { // what took hours is not given up for a long list
			return err
		}
		c.tell(c.table + " is in use by statements that take long; it is tried again until it is not.")
	}
	c.tell(c.table + " is divided.")
	return c.exec(ctx, "DROP TABLE "+c.table+oldSuffix)
}
