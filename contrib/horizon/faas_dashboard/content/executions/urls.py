from django.urls import path

from faas_dashboard.content.executions import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('<str:id>/', views.Detail.as_view(), name='detail'),
    path('<str:id>/cancel/', views.Cancel.as_view(), name='cancel'),
    path('<str:id>/delete/', views.Delete.as_view(), name='delete'),
]
