// Package fromaodh is the source of triggers whose events are an alarm of OpenStack Aodh: it keeps
// the alarm in the trigger's project, with the trigger's URL as its action, and reads what Aodh
// then sends. What somebody changes of the alarm is put right, and the alarm goes with the
// trigger.
//
// A trigger may name an alarm that its user made by hand, with the trigger's URL as an action. Then
// there is nothing to keep.
package fromaodh
