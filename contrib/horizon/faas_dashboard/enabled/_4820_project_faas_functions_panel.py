PANEL = 'faas_functions'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.functions.panel.Functions'
