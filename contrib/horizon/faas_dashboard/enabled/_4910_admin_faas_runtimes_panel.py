PANEL = 'faas_runtimes'
PANEL_DASHBOARD = 'admin'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.runtimes.panel.Runtimes'
