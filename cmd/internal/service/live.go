package service

import (
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/config"
)

// Configuration is that of a process of the service, as it was loaded.
type Configuration interface {
	Settings() config.Settings
}

// Live is the configuration of a process that runs, with those who take up what changes of it.
type Live struct {
	mu    sync.Mutex
	now   config.Settings
	takes []func(config.Settings)
}

// Settings returns those in force.
func (l *Live) Settings() config.Settings {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Shutdown returns how long what is under way may take when the process is told to end.
func (l *Live) Shutdown() time.Duration {
	s := l.Settings()
	return s.Default.Shutdown(s.API, s.Limits)
}

// Take has f called with the settings each time that the operator has them loaded anew, until the
// process ends. Calls of it come one after the other.
func (l *Live) Take(f func(config.Settings)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takes = append(l.takes, f)
}

// reload has the options that changed taken up that can be, and logs each of them. A configuration
// that cannot be loaded changes nothing. It returns the one that is in force from here on.
func reload[C Configuration](l *Live, before C, load func() (C, error), log *slog.Logger) C {
	after, err := load()
	if err != nil {
		log.Error("the configuration cannot be loaded, and the one before stays in force", "error", err)
		return before
	}
	changes := config.Changes(before, after)
	for _, c := range changes {
		option := "[" + c.Section + "] " + c.Option
		if c.Live {
			log.Info("an option has changed", "option", option, "before", c.Before, "now", c.After)
		} else {
			log.Warn("an option has changed, which needs a restart", "option", option, "before", c.Before, "after", c.After)
		}
	}
	if len(changes) == 0 {
		log.Info("the configuration is as it was")
	}
	l.Put(after.Settings())
	return after
}

// Put has the settings in force from now on, and taken by all who asked for it.
func (l *Live) Put(s config.Settings) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = s
	for _, take := range l.takes {
		take(s)
	}
}
