PANEL_GROUP = 'functions'
PANEL_GROUP_NAME = 'Functions'
PANEL_GROUP_DASHBOARD = 'admin'
