package followup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

const (
	// Deliveries is how many outcomes are on their way at a time, and deliveriesOfProject those of
	// one project: a URL that does not answer keeps a turn for as long as a request may take.
	Deliveries          = 64
	deliveriesOfProject = 8
	// giveUpAfter is for how long a delivery is tried.
	giveUpAfter = time.Hour
	// firstTurn and lastTurn bound the pause before a delivery whose project has no turn is looked
	// at again.
	firstTurn = time.Second
	lastTurn  = 5 * time.Minute
	// messageTTL is how long a message stays in a queue.
	messageTTL = 24 * time.Hour
)

// Deliver takes the outcome of an execution to where its function wants it. It is due work: an
// error has it tried again.
func (f *Follower) Deliver(ctx context.Context, i store.DueItem) (duework.Next, error) {
	x, err := f.cfg.Store.Execution(ctx, faas.AnyProject(), i.Ref)
	var fn faas.Function
	if err == nil {
		fn, err = f.cfg.Store.Function(ctx, faas.AnyProject(), x.FunctionID)
	}
	if faas.KindOf(err) == faas.NotFound { // nobody wants it any more
		return duework.Done(), nil
	}
	if err != nil {
		return duework.Done(), err
	}
	to := fn.DestinationOf(x.Status)
	if to.None() {
		return duework.Done(), nil
	}
	if depthOf(x) >= faas.MaxEventDepth {
		f.cfg.Log.Warn("the outcome of an execution is taken nowhere: "+tooDeep(), "execution_id", x.ID, "function_id", fn.ID,
			"trigger_id", x.TriggerID)
		f.deliveries.WithLabelValues(kindOf(to), "too_deep").Inc()
		return duework.Done(), nil
	}
	leave, ok := f.turns.TryEnter(x.ProjectID)
	if !ok {
		return duework.Again(min(max(firstTurn, i.Age/2), lastTurn)), nil
	}
	defer leave()
	e, err := outcomeOf(x)
	if err != nil {
		return duework.Done(), err
	}
	next, err := f.deliver(ctx, i, x, to, e)
	return f.delivered(i, x, to, next, err)
}

// kindOf returns what a destination is called in metrics.
func kindOf(d faas.Destination) string {
	switch {
	case d.Queue != "":
		return "queue"
	case d.URL != "":
		return "url"
	}
	return "function"
}

// delivered counts what became of a delivery, and gives it up when there is no use in trying again.
func (f *Follower) delivered(
	i store.DueItem, x faas.Execution, to faas.Destination, next duework.Next, err error,
) (duework.Next, error) {
	if errors.Is(err, store.ErrNotInHand) {
		return next, err
	}
	result := "delivered"
	switch kind := faas.KindOf(err); {
	case err == nil:
	case kind == faas.NotFound || kind == faas.Forbidden || kind == faas.Invalid:
		result = "refused"
	case i.Age > giveUpAfter:
		result = "given_up"
	default:
		f.deliveries.WithLabelValues(kindOf(to), "tried").Inc()
		return next, err
	}
	f.deliveries.WithLabelValues(kindOf(to), result).Inc()
	if err != nil {
		f.cfg.Log.Warn("the outcome of an execution could not be delivered and is not tried again", "execution_id", x.ID,
			"function_id", x.FunctionID, "project_id", x.ProjectID, "to", kindOf(to), "result", result, "error", err)
	}
	return next, nil
}

func (f *Follower) deliver(
	ctx context.Context, i store.DueItem, x faas.Execution, to faas.Destination, e event.Event,
) (duework.Next, error) {
	switch kindOf(to) {
	case "queue":
		return duework.Done(), f.toQueue(ctx, x, to.Queue, e)
	case "url":
		return duework.Done(), f.toURL(ctx, to.URL, e)
	}
	err := f.toFunction(ctx, i, x, to.Calls, e)
	if faas.KindOf(err) == faas.Conflict && !errors.Is(err, store.ErrNotInHand) {
		return duework.Done(), nil // it is there already
	}
	if err != nil {
		return duework.Done(), err
	}
	return duework.Recorded(), nil
}

// toFunction has a function of the project executed with the event. Its id follows from that of the
// execution before: there is one, whoever makes it.
func (f *Follower) toFunction(
	ctx context.Context, i store.DueItem, x faas.Execution, calls faas.FunctionRef, e event.Event,
) error {
	called, err := f.cfg.Store.Resolve(ctx, faas.OneProject(x.ProjectID), calls)
	if err != nil {
		return err
	}
	input, err := event.Input(e, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitTimeout) // as in retry
	defer cancel()
	_, err = f.cfg.Submit.SubmitWith(ctx, faas.Execution{
		ID: faas.IDOf(x.ID+" "+e.Type(), x.EndedAt), ProjectID: x.ProjectID, UserID: x.UserID, RequestID: x.RequestID,
		FunctionID: called.Function.ID, FunctionVersion: called.Version, FunctionAlias: calls.Alias,
		Description: "Created by Execution " + x.ID, Input: input, FollowUp: called.Function.Follows(),
	}, func(ctx context.Context, x faas.Execution) error { return f.cfg.Store.EnqueueDelivery(ctx, i, x) })
	return err
}

// toQueue posts the event to a queue of the project, as what the execution ran acts there.
func (f *Follower) toQueue(ctx context.Context, x faas.Execution, queue string, e event.Event) error {
	if f.cfg.Cloud == nil {
		return faas.Errorf(faas.Forbidden, "This deployment does not use Keystone.")
	}
	ran, err := f.cfg.Store.Resolve(ctx, faas.OneProject(x.ProjectID),
		faas.FunctionRef{FunctionID: x.FunctionID, Version: x.FunctionVersion})
	if err != nil {
		return err
	}
	if ran.Function.TrustID == "" {
		return faas.Errorf(faas.Forbidden, "The function has no roles.")
	}
	client, err := f.cfg.Cloud.Client(ctx,
		faas.Trigger{ProjectID: x.ProjectID, TrustID: ran.Function.TrustID}, zaqar.ServiceType)
	if err != nil {
		return err
	}
	body, err := event.Marshal(e)
	if err != nil {
		return err
	}
	at := zaqar.NewMessagingV2At(client.ProviderClient, client.Endpoint, f.clientID)
	_, err = zaqar.Send(ctx, at, queue, zaqar.Posts{{Body: body, TTL: messageTTL}})
	switch {
	case err == nil:
		return nil
	case gophercloud.ResponseCodeIs(err, http.StatusForbidden):
		return faas.Errorf(faas.Forbidden, "Zaqar refuses the function's roles.").WithCause(err)
	case gophercloud.ResponseCodeIs(err, http.StatusBadRequest):
		return faas.Errorf(faas.Invalid, "Zaqar refuses the message.").WithCause(err)
	}
	return faas.Errorf(faas.Unavailable, "Zaqar does not take the message.").WithCause(err)
}

// toURL posts the event to a URL, in CloudEvents' structured mode.
func (f *Follower) toURL(ctx context.Context, url string, e event.Event) error {
	if f.cfg.URLs == nil {
		return faas.Errorf(faas.Forbidden, "This deployment sends nothing to URLs.")
	}
	body, err := event.Marshal(e)
	if err != nil {
		return err
	}
	answer, err := f.cfg.URLs.Post(ctx, url, "application/cloudevents+json", body)
	switch {
	case err != nil:
		return err
	case answer.Status >= http.StatusOK && answer.Status < http.StatusMultipleChoices:
		return nil
	case answer.Status == http.StatusGone: // as CloudEvents' binding has it: the receiver wants no more
		return faas.Errorf(faas.NotFound, "The URL is answered with 410.")
	}
	return fmt.Errorf("the URL is answered with %d", answer.Status)
}
