PANEL = 'faas_executions'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.executions.panel.Executions'
