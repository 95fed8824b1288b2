from django.urls import path

from faas_dashboard.content.overview import views

urlpatterns = [path('', views.Index.as_view(), name='index')]
