PANEL = 'faas_triggers'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.triggers.panel.Triggers'
