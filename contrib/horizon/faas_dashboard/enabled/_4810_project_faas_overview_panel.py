PANEL = 'faas_overview'
PANEL_DASHBOARD = 'project'
PANEL_GROUP = 'functions'
ADD_PANEL = 'faas_dashboard.content.overview.panel.Overview'
ADD_INSTALLED_APPS = ['faas_dashboard']
