package store

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/openstack-faas/faas/internal/faas"
)

// WithMigrations has this program know further migrations, of both databases, until the test's end or
// the call of forget: as if it were of a later release.
func WithMigrations(t *testing.T, files map[string]string) (forget func()) {
	t.Helper()
	all := fstest.MapFS{}
	err := fs.WalkDir(embedded, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(embedded, path)
		all[path] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		for _, folder := range []string{"mysql", "sqlite"} {
			all["migrations/"+folder+"/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	migrations = all
	forget = func() { migrations = embedded }
	t.Cleanup(forget)
	return forget
}

// OnWriter runs a statement on the connection of a store's writer of calls, of which there is one.
func (s *Store) OnWriter(ctx context.Context, query string) error {
	return s.calls.do(ctx, func(t *tx) error { return t.control(query) })
}

// HoldCalls keeps the writer of calls, of which there is one, from writing until the channel is
// closed. It returns when the writer is held.
func (s *Store) HoldCalls(ctx context.Context, until <-chan struct{}) { hold(ctx, s.calls, until) }

// HoldOthers keeps all writers but those of calls from writing until the channel is closed. It
// returns when they are held.
func (s *Store) HoldOthers(ctx context.Context, until <-chan struct{}) {
	hold(ctx, s.recorder, until)
	hold(ctx, s.chores, until)
}

func hold(ctx context.Context, r *recorder, until <-chan struct{}) {
	held := make(chan struct{})
	op := &operation{kept: true, answer: make(chan struct{}), do: func(*tx) error {
		close(held)
		<-until
		return nil
	}}
	if err := r.hand(ctx, op, nil); err != nil {
		panic(err)
	}
	<-held
}

// KeepApart has texts of calls from that length on be kept apart, or none.
func (s *Store) KeepApart(apart bool, from int) {
	s.form.above = never
	if apart {
		s.form.above = from - 1
	}
	s.calls.form = s.form
}

// OnChores runs a statement as maintenance does.
func (s *Store) OnChores(ctx context.Context, query string) error {
	_, err := s.chores.exec(ctx, query)
	return err
}

// FirstUse counts one more of a resource that the project had none of when it was first tried; meanwhile
// is called between the two attempts, once.
func (s *Store) FirstUse(
	ctx context.Context, projectID string, r faas.Resource, limit int64, meanwhile func(),
) error {
	return s.recorder.do(ctx, func(t *tx) error {
		if done, err := t.quota.add(projectID, r, 1, limit); done || err != nil {
			return err
		}
		meanwhile()
		return t.quota.addAgain(projectID, r, 1, limit)
	})
}
