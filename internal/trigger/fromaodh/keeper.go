package fromaodh

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/aodh"
)

// Config is what a Keeper needs.
type Config struct {
	Cloud trigger.Cloud
	// URL returns a trigger's URL, with its secret, at which Aodh reaches this service.
	URL func(t faas.Trigger) string
	// Service returns a client with the service's own token, by which the alarm of a trigger is
	// deleted whose trust is gone, if Aodh lets it. nil: such an alarm is left.
	Service func(ctx context.Context, serviceType string) (*gophercloud.ServiceClient, error)
	Every   time.Duration // after which an alarm is looked at again: 5 minutes when 0
	Log     *slog.Logger  // slog.Default when nil
}

// Keeper keeps the alarms of triggers.
type Keeper struct{ cfg Config }

const defaultEvery = 5 * time.Minute

// New returns a keeper.
func New(cfg Config) *Keeper {
	cfg.Every = cmp.Or(cfg.Every, defaultEvery)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Keeper{cfg}
}

// Keep implements trigger.Keeper: it has the alarm be there and be as the trigger says.
func (k *Keeper) Keep(ctx context.Context, t faas.Trigger) (trigger.Kept, error) {
	s, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return trigger.Kept{}, err
	}
	st := readState(t.State)
	if s.Alarm == nil {
		if st.AlarmID == "" { // it never had an alarm of its own
			return trigger.Kept{}, nil
		}
		return trigger.Kept{State: state{}.String()}, k.Release(ctx, t)
	}
	client, err := k.client(ctx, t)
	if err != nil {
		return trigger.Kept{}, err
	}
	opts := wanted(t, s, k.cfg.URL(t))
	alarm, err := find(ctx, client, t, st)
	if err != nil {
		return trigger.Kept{}, err
	}
	if alarm == nil || st.AlarmID != alarm.ID || st.Asked != asked(opts) || st.Shown != shown(alarm) {
		if alarm, err = write(ctx, client, alarm, opts); err != nil {
			return trigger.Kept{}, err
		}
		st = state{AlarmID: alarm.ID, Asked: asked(opts), Shown: shown(alarm)}
	}
	return trigger.Kept{State: st.String(), Again: k.cfg.Every}, nil
}

func (k *Keeper) client(ctx context.Context, t faas.Trigger) (*gophercloud.ServiceClient, error) {
	client, err := k.cfg.Cloud.Client(ctx, t, aodh.ServiceType)
	if err != nil {
		return nil, err
	}
	return aodh.NewAlarmingV2At(client.ProviderClient, client.Endpoint), nil
}

// write makes the alarm, or puts right what there is, and returns it as Aodh shows it from then on.
func write(
	ctx context.Context, client *gophercloud.ServiceClient, there *aodh.Alarm, opts aodh.CreateOpts,
) (*aodh.Alarm, error) {
	var made aodh.AlarmResult
	if there == nil {
		made = aodh.Create(ctx, client, opts)
	} else {
		// Aodh would begin anew with the state, and take the actions again.
		change := opts
		change.State = there.State
		made = aodh.Update(ctx, client, there.ID, change)
	}
	alarm, err := made.Extract()
	if err != nil {
		return nil, trigger.Explained(err, serviceName, "keep the trigger's alarm")
	}
	alarm, err = aodh.Get(ctx, client, alarm.ID).Extract()
	return alarm, trigger.Explained(err, serviceName, "show the trigger's alarm")
}

const serviceName = "Aodh"

// find returns the trigger's alarm, or nil. One that was made just before the process died is found
// by its name; of several, one is left.
func find(
	ctx context.Context, client *gophercloud.ServiceClient, t faas.Trigger, st state,
) (*aodh.Alarm, error) {
	if st.AlarmID != "" {
		alarm, err := aodh.Get(ctx, client, st.AlarmID).Extract()
		if err == nil && alarm.ProjectID == t.ProjectID {
			return alarm, nil
		}
		if err != nil && !isGone(err) {
			return nil, trigger.Explained(err, serviceName, "show the trigger's alarm")
		}
	}
	named, err := list(ctx, client, t)
	if err != nil || len(named) == 0 {
		return nil, err
	}
	for _, other := range named[1:] {
		if err := remove(ctx, client, other.ID); err != nil {
			return nil, err
		}
	}
	return &named[0], nil
}

// list returns the alarms in the trigger's project that have its alarm's name, in the order of
// their ids.
func list(ctx context.Context, client *gophercloud.ServiceClient, t faas.Trigger) ([]aodh.Alarm, error) {
	named, err := aodh.List(ctx, client, map[string]string{"name": alarmName(t.ID), "project_id": t.ProjectID}).Extract()
	if err != nil {
		return nil, trigger.Explained(err, serviceName, "list the trigger's alarm")
	}
	slices.SortFunc(named, func(a, b aodh.Alarm) int { return cmp.Compare(a.ID, b.ID) })
	return named, nil
}

func remove(ctx context.Context, client *gophercloud.ServiceClient, id string) error {
	if err := aodh.Delete(ctx, client, id).ExtractErr(); !isGone(err) {
		return trigger.Explained(err, serviceName, "delete the trigger's alarm")
	}
	return nil
}

func isGone(err error) bool { return gophercloud.ResponseCodeIs(err, http.StatusNotFound) }

// Release implements trigger.Keeper: it deletes the alarm.
func (k *Keeper) Release(ctx context.Context, t faas.Trigger) error {
	client, err := k.client(ctx, t)
	if err == nil {
		err = removeAll(ctx, client, t)
	}
	if !trigger.Gone(err) {
		return err
	}
	return k.releaseAsService(ctx, t, err)
}

// releaseAsService deletes the alarm of a trigger that may do nothing in its project any more. What
// Aodh does not let the service delete stays where it is: its action has a URL that is gone.
func (k *Keeper) releaseAsService(ctx context.Context, t faas.Trigger, why error) error {
	log := k.cfg.Log.With("trigger_id", t.ID, "project_id", t.ProjectID)
	if k.cfg.Service == nil {
		log.Warn("a trigger's alarm is left in Aodh", "error", why)
		return nil
	}
	client, err := k.cfg.Service(ctx, aodh.ServiceType)
	if err == nil {
		err = removeAll(ctx, aodh.NewAlarmingV2At(client.ProviderClient, client.Endpoint), t)
	}
	if trigger.Gone(err) {
		log.Warn("a trigger's alarm is left in Aodh, which does not let the service delete it", "error", err)
		return nil
	}
	return err
}

// removeAll deletes the alarm that is remembered and what has its name.
func removeAll(ctx context.Context, client *gophercloud.ServiceClient, t faas.Trigger) error {
	if st := readState(t.State); st.AlarmID != "" {
		if err := remove(ctx, client, st.AlarmID); err != nil {
			return err
		}
	}
	named, err := list(ctx, client, t)
	if err != nil {
		return err
	}
	for _, alarm := range named {
		if err := remove(ctx, client, alarm.ID); err != nil {
			return err
		}
	}
	return nil
}
